"""What the PIM says of a resource against what the index says: attribute by attribute."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.terminal import show

ABSENT: Final = "–"  # noqa: RUF001  # a dash: there is nothing
_NOT_COMPARED: Final = frozenset({"sync", "text"})
"""How a document came here is not what it says; the full text is made of the rest."""
_SHOWN_MAX_CHARS: Final = 60
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One path of a search document; a value that is not there is None and not *in_…*."""

    path: str
    pim: Any
    index: Any
    in_pim: bool = True
    in_index: bool = True

    @property
    def is_same(self) -> bool:
        """Whether both say the same."""
        return self.in_pim == self.in_index and self.pim == self.index


def compare_paths(
    wanted: Mapping[str, Any] | None, stored: Mapping[str, Any] | None
) -> list[Difference]:
    """Return every path of both, in order; None: there is no such search document."""
    return list(_walk("", wanted or {}, stored or {}))


def to_table(locale: str, differences: list[Difference]) -> list[str]:
    """Return lines for a terminal: what differs is marked."""
    off = sum(not each.is_same for each in differences)
    lines = [f"{show(locale)}: {off} of {len(differences)} values differ"]
    for each in differences:
        mark = " " if each.is_same else "!"
        pim = to_cell(each.pim) if each.in_pim else ABSENT
        index = to_cell(each.index) if each.in_index else ABSENT
        shown = pim if each.is_same else f"{pim}  |  {index}"
        lines.append(f"{mark} {show(each.path, chars_max=_SHOWN_MAX_CHARS):<32} {shown}")
    return lines


def _walk(path: str, wanted: Any, stored: Any) -> Iterator[Difference]:
    if _is_nested(wanted) or _is_nested(stored):
        left = wanted if isinstance(wanted, Mapping) else {}
        right = stored if isinstance(stored, Mapping) else {}
        for name in sorted(left.keys() | right.keys()):
            if path or name not in _NOT_COMPARED:
                inside = f"{path}.{name}" if path else name
                yield from _walk(inside, left.get(name, _MISSING), right.get(name, _MISSING))
        return
    in_pim, in_index = wanted is not _MISSING, stored is not _MISSING
    yield Difference(
        path, wanted if in_pim else None, stored if in_index else None, in_pim, in_index
    )


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping)


def to_cell(value: Any) -> str:
    """Return a value in one short line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return show(text, chars_max=_SHOWN_MAX_CHARS)
