"""One locale's own value, else the nearest one of its fallback chain."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LOCALE: Final = re.compile(r"[a-z]{2,3}([_-][A-Z][A-Za-z0-9]{1,7})+|[a-z]{2}")
_VALUE_NAMES: Final = ("value", "values", "label", "name")


def is_translatable(value: Mapping[str, Any], chain: Sequence[str]) -> bool:
    """Return whether an object's keys are locales."""
    if "labels" in value:
        return False
    if not value.keys().isdisjoint(chain):
        return True
    return all(_LOCALE.fullmatch(key) and key != "id" for key in value)


def resolve(value: Any, chain: Sequence[str]) -> tuple[Any, bool]:
    """
    Return the value for the first locale of *chain* that has one, and whether it is inherited.

    A value that is not translatable is its own. Null, an empty text and an empty list are no
    value: Quable shows a locale without one in either way.
    """
    if isinstance(value, list):
        value = _to_mapping(value)
    elif isinstance(value, dict) and chain and "labels" not in value:
        own = value.get(chain[0])
        if isinstance(own, str) and own and not own.isspace():  # by far the most frequent
            return own, False
    if not isinstance(value, dict) or not is_translatable(value, chain):
        return value, False
    for rank, locale in enumerate(chain):
        if not is_empty(own := value.get(locale)):
            return own, rank > 0
    return None, False


def is_empty(value: Any) -> bool:
    """Return whether this is no value at all; zero and false are values."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def to_label(labels: Any, chain: Sequence[str]) -> str | None:
    """Return the text of *labels* (a text, or texts by locale) for the chain, if there is one."""
    label, _ = resolve(labels, chain)
    return label if isinstance(label, str) and label.strip() else None


def _to_mapping(entries: list[Any]) -> Any:
    """Turn [{locale, value}, …] into {locale: value, …}; leave every other list as it is."""
    by_locale = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("locale"), str):
            return entries
        by_locale[entry["locale"]] = next(
            (entry[name] for name in _VALUE_NAMES if name in entry), None
        )
    return by_locale or entries
