"""
Records of scans that wait for their turn: the newest of each scan. Without I/O.

Records of a scan that are delivered again come together, where others before them in the log were
not acknowledged. Each of them would run the scan to its end once more, so all but the newest are
acknowledged: that one lies in the log, unacknowledged, and says all that they do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from streams.scan_patience import Patience
from streams.scan_steps import Progress
from topics.records import Received
from topics.scans import ScanRecord

WAIT_MAX_S: Final = 60.0
"""
What must wait longer, for another scan of its kind or for the quota, is appended again: nothing
pins the log, and what lies behind it is not taken for late.
"""


@dataclass(slots=True, eq=False)
class Pending:
    """A scan's record that waits; *since_s* and *not_before_s* are unix seconds."""

    scan: ScanRecord
    received: Received
    since_s: float
    not_before_s: float = 0.0
    patience: Patience = field(default_factory=Patience)

    @property
    def place(self) -> tuple[int, int]:
        """Its place among the records of its scan."""
        return self.scan.step, self.received.offset


class ScanQueue:
    """Gives out one scan of each kind at a time, the oldest; acknowledges what is superseded."""

    def __init__(self) -> None:
        self._pending: list[Pending] = []
        self._progress = Progress()

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, pending: Pending) -> None:
        """Hold a record of the log, or one that could not be done, until its turn."""
        self._progress.seen(pending.scan)
        if self.is_superseded(pending):
            return
        same = [each for each in self._pending if each.scan.id == pending.scan.id]
        *older, newest = sorted([*same, pending], key=lambda each: each.place)
        self._pending = [each for each in self._pending if each not in same] + [newest]
        for each in older:
            each.received.acknowledge()

    def is_superseded(self, pending: Pending) -> bool:
        """Whether the log holds a newer record of the scan; if so, this one is acknowledged."""
        if self._progress.is_new(pending.scan):
            return False
        pending.received.acknowledge()
        return True

    def handled(self, pending: Pending) -> None:
        """Note that what follows is stored."""
        self._progress.handled(pending.scan)

    def choose(self, now_s: float) -> Pending | None:
        """Remove and return what is to be done next; None: nothing may be done yet."""
        ready = [each for each in self._first() if each.not_before_s <= now_s]
        if not ready:
            return None
        chosen = min(ready, key=lambda each: each.scan.updated_s)
        self._pending.remove(chosen)
        return chosen

    def behind(self, now_s: float) -> Sequence[Pending]:
        """Return what has waited too long for another scan of its kind."""
        first = self._first()
        return [
            each
            for each in self._pending
            if each not in first and now_s - each.since_s >= WAIT_MAX_S
        ]

    def holds(self, pending: Pending) -> bool:
        """Whether a record still waits."""
        return pending in self._pending

    def remove(self, pending: Pending) -> None:
        """Acknowledge a record that waits no more."""
        if self.holds(pending):
            self._pending.remove(pending)
            pending.received.acknowledge()

    def clear(self) -> None:
        """Forget everything: the records are delivered again."""
        self._pending.clear()
        self._progress.clear()

    def _first(self) -> Sequence[Pending]:
        self._pending = [each for each in self._pending if not self.is_superseded(each)]
        first: dict[str, Pending] = {}
        for pending in sorted(self._pending, key=lambda each: each.scan.began_s):
            first.setdefault(pending.scan.kind, pending)
        return list(first.values())
