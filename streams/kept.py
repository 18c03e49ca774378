"""What is not superseded by a newer record of the same resource, since it alone says something."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

Receipt = TypeVar("Receipt")


@dataclass(frozen=True, slots=True)
class Said:
    """What one record says of a resource, beside that it changed; or some of them together."""

    new: bool
    gone: bool
    ours: bool  # none of its notifications is the PIM's own: it says nothing against *gone*
    partition: int = 0  # of `notifications`, in which the newest notification lies
    moved: bool = False  # others that it stands for lie in another one

    def merge(self, newer: "Said") -> "Said":
        """Return what both say together."""
        return Said(
            new=self.new or newer.new,
            gone=newer.gone or (newer.ours and self.gone),
            ours=self.ours and newer.ours,
            partition=newer.partition,
            moved=self.moved or newer.moved or self.partition != newer.partition,
        )

    def adds_to(self, newer: "Said") -> bool:
        """Whether something would be forgotten, were only the newer one known."""
        both = self.merge(newer)
        return (both.new, both.gone, both.moved) != (newer.new, newer.gone, newer.moved)


@dataclass(slots=True)
class Kept(Generic[Receipt]):
    """
    Receipts that are acknowledged with the newest one only: at most one for each thing said.

    Were they acknowledged before, what they say would be forgotten where partitions move.
    """

    said: list[tuple[Receipt, Said]] = field(default_factory=list)  # oldest first

    @property
    def receipts(self) -> list[Receipt]:
        """Return all of them."""
        return [receipt for receipt, _ in self.said]

    def supersede(self, receipt: Receipt, said: Said, newer: Said) -> list[Receipt]:
        """Keep *receipt* if what it *said* is not said by a newer one; return the superfluous."""
        self.said.append((receipt, said))
        return self._reduce(newer)

    def take_over(self, newer: "Kept[Receipt]", newest: Said) -> list[Receipt]:
        """Keep what newer ones keep, too; return what that makes superfluous."""
        self.said += newer.said
        return self._reduce(newest)

    def _reduce(self, newest: Said) -> list[Receipt]:
        known, kept, superseded = newest, [], []
        for receipt, said in reversed(self.said):
            if said.adds_to(known):
                kept.append((receipt, said))
                known = said.merge(known)
            else:
                superseded.append(receipt)
        self.said = kept[::-1]
        return superseded[::-1]
