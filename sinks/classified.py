"""What search documents say of the classifications that their resources are in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pim.kinds import Kind
from sinks.fallbacks import to_label
from sinks.markup import to_text
from sinks.relations import to_codes


@dataclass(frozen=True, slots=True)
class Classified:
    """A search document of a resource that is in a classification; *name* is what it says of it."""

    kind: Kind
    code: str
    locale: str
    name: str | None


def to_classifications(resource: Mapping[str, Any]) -> list[str]:
    """Return the codes of a resource's classifications; assets also give a single one."""
    return to_codes(resource.get("classifications")) or to_codes([resource.get("classification")])


def to_classification_name(names: Any, chain: Sequence[str]) -> str | None:
    """Return a classification's name in the first locale of *chain*, if it has one."""
    name = to_label(names, chain)
    return (to_text(name) or None) if name else None


def find_outdated(
    found: Iterable[Classified], names: Any, chains: Mapping[str, Sequence[str]]
) -> dict[tuple[Kind, str], None]:
    """Return the resources, each once, of which a search document says another name than *names*."""
    wanted = {locale: to_classification_name(names, chain) for locale, chain in chains.items()}
    return {
        (each.kind, each.code): None
        for each in found
        if each.name != wanted.get(each.locale, each.name)
    }
