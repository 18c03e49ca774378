"""
What the index should hold against what it holds: the content of search documents, one alias.

The block `sync` tells how a document came here, not what it says: it is not compared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_NOT_COMPARED: Final = frozenset({"sync"})
_ABSENT: Final = object()
DIFFERENCES_MAX: Final = 20
"""Of one search document; the report names no more paths."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ids of search documents, each in one of four sets."""

    same: frozenset[str]
    different: Mapping[str, list[str]]  # with the paths that differ
    missing: frozenset[str]  # expected, and not stored
    extra: frozenset[str]  # stored, and not expected

    @property
    def is_equal(self) -> bool:
        """Whether the index holds exactly what is expected."""
        return not (self.different or self.missing or self.extra)


def compare(
    expected: Mapping[str, Mapping[str, Any]], stored: Mapping[str, Mapping[str, Any]]
) -> Comparison:
    """Compare live search documents by id; leave tombstones out of both."""
    differences = {
        id_: find_differences(expected[id_], stored[id_]) for id_ in expected.keys() & stored.keys()
    }
    return Comparison(
        same=frozenset(id_ for id_, paths in differences.items() if not paths),
        different={id_: paths for id_, paths in sorted(differences.items()) if paths},
        missing=frozenset(expected.keys() - stored.keys()),
        extra=frozenset(stored.keys() - expected.keys()),
    )


def find_differences(expected: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Return the paths at which two search documents differ, none if they say the same."""
    names = sorted((expected.keys() | stored.keys()) - _NOT_COMPARED)
    found: list[str] = []
    for name in names:
        for path in _walk(name, expected.get(name, _ABSENT), stored.get(name, _ABSENT)):
            found.append(path)
            if len(found) >= DIFFERENCES_MAX:
                return found
    return found


def _walk(path: str, expected: Any, stored: Any) -> Iterator[str]:
    if isinstance(expected, Mapping) and isinstance(stored, Mapping):
        for name in sorted(expected.keys() | stored.keys()):
            yield from _walk(
                f"{path}.{name}", expected.get(name, _ABSENT), stored.get(name, _ABSENT)
            )
    elif type(expected) is not type(stored) or expected != stored:
        yield path
