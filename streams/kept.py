"""What is not superseded by a newer record of the same resource, since it alone says something."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

Receipt = TypeVar("Receipt")


@dataclass(frozen=True, slots=True)
class Said:
    """What one record says of a resource, beside that it changed."""

    new: bool
    gone: bool
    ours: bool  # none of its notifications is the PIM's own: it says nothing against *gone*


class _Says(Enum):
    NEW = "new"
    GONE = "gone"


@dataclass(slots=True)
class Kept(Generic[Receipt]):
    """
    Receipts that are acknowledged with the newest one only: at most one for each thing said.

    Were they acknowledged before, what they say would be forgotten where partitions move.
    """

    by_says: dict[_Says, Receipt] = field(default_factory=dict)

    @property
    def receipts(self) -> list[Receipt]:
        """Return all of them."""
        return list(self.by_says.values())

    def supersede(self, receipt: Receipt, said: Said, newer: Said) -> list[Receipt]:
        """Keep *receipt* if what it *said* is not said by a newer one; return the superfluous."""
        superseded = []
        if newer.gone or not newer.ours:
            superseded += self._drop(_Says.GONE)
        # Where one says both, what says that the resource is new is the rarer.
        if said.new and not newer.new:
            superseded += self._drop(_Says.NEW)
            self.by_says[_Says.NEW] = receipt
        elif said.gone and newer.ours and not newer.gone:
            superseded += self._drop(_Says.GONE)
            self.by_says[_Says.GONE] = receipt
        else:
            superseded.append(receipt)
        return superseded

    def take_over(self, newer: "Kept[Receipt]") -> list[Receipt]:
        """Keep what newer ones keep; return what that makes superfluous."""
        superseded = [self.by_says[says] for says in newer.by_says if says in self.by_says]
        self.by_says |= newer.by_says
        return superseded

    def _drop(self, says: _Says) -> list[Receipt]:
        return [self.by_says.pop(says)] if says in self.by_says else []
