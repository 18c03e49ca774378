"""Locales that inherit from each other, and what a locale without a value of its own shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Inheritance(StrEnum):
    """
    How the API shows a locale that has no value of its own.

    Which of them Quable does is not documented, so by default each resource shows one of them.
    """

    SHOWN = "shown"
    NULL = "null"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class LocaleTree:
    """The active locales, and from which other one each inherits, if from any."""

    locales: tuple[str, ...]
    parents: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.locales:
            raise ValueError("a catalog needs at least one locale")
        for locale in self.locales:
            self.chain(locale)

    def chain(self, locale: str) -> tuple[str, ...]:
        """
        Return the locale and those that it falls back to, nearest first.

        Raises:
            ValueError: the fallbacks run in a circle.
        """
        chain = [locale]
        while (parent := self.parents.get(chain[-1])) is not None:
            if parent in chain:
                raise ValueError(f"the fallbacks of {locale} run in a circle: {parent}")
            chain.append(parent)
        return tuple(chain)

    def heirs(self, locale: str) -> tuple[str, ...]:
        """Return the active locales that show what is edited in *locale*, itself among them."""
        return tuple(other for other in self.locales if locale in self.chain(other))

    def show(self, own: Mapping[str, str], inheritance: Inheritance) -> dict[str, str | None]:
        """Return what the API shows of a translatable value for which *own* values are stored."""
        shown: dict[str, str | None] = {}
        for locale in self.locales:
            if locale in own:
                shown[locale] = own[locale]
            elif inheritance is Inheritance.NULL:
                shown[locale] = None
            elif inheritance is Inheritance.SHOWN:
                inherited = [own[other] for other in self.chain(locale) if other in own]
                if inherited:
                    shown[locale] = inherited[0]
        return shown


def parse_fallbacks(pairs: Sequence[str]) -> dict[str, str]:
    """
    Read `fr_BE:fr_FR` pairs: the child, then the parent.

    Raises:
        ValueError: a pair without a colon.
    """
    parents = {}
    for pair in pairs:
        child, colon, parent = (part.strip() for part in pair.partition(":"))
        if not colon or not child or not parent:
            raise ValueError(f"not a fallback: {pair!r}; write child:parent, such as fr_BE:fr_FR")
        parents[child] = parent
    return parents
