"""Records of `snapshots` whose search documents are not all answered for."""

from dataclasses import dataclass, field

from sinks.batches import Entry
from sinks.writes import Answer, Verdict
from topics.records import Received


@dataclass(slots=True, eq=False)
class Held:
    """A record of `snapshots` until each of its search documents is answered for."""

    received: Received
    key: str
    lane: str
    newest_s: float
    left: int  # search documents not answered for
    taken_s: float  # unix seconds
    stale: bool = False  # the index holds something newer
    followed: bool = False  # by a later record of the same key
    faults: list[Answer] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """Of the record itself, which is kept in case that it becomes a dead letter."""
        return len(self.received.value or b"")


def credit(entry: Entry[Held], answer: Answer) -> list[Held]:
    """Take one document off each of its records; return those that are complete by it."""
    if not entry.receipts:  # partitions have moved: its record is delivered again
        return []
    if answer.verdict is Verdict.DEAD:
        entry.receipts[-1].faults.append(answer)  # the others' content was superseded unwritten
    if answer.verdict is Verdict.STALE:
        entry.receipts[-1].stale = True
    for held in entry.receipts:
        held.left -= 1
    return [held for held in entry.receipts if held.left == 0]
