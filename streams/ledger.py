"""
Which offset of a partition may be committed: only what is contiguous and acknowledged.

Faust's own bookkeeping commits past records that are still being processed: off by one at the
head, unchecked in a fresh group, and it takes the record after a gap for done. A compacted topic
is all gaps, so here gaps need no bookkeeping: the ledger knows the offsets that were delivered.
"""

from collections import deque


class Ledger:
    """
    The delivered and the acknowledged offsets of one assigned partition.

    Offsets are delivered in ascending order and acknowledged in any order. Memory grows with the
    records that were delivered and not yet acknowledged, plus those acknowledged behind them.
    """

    __slots__ = ("_committed", "_delivered", "_finished", "_held", "_last")

    def __init__(self) -> None:
        self._delivered: deque[int] = deque()
        self._held: set[int] = set()  # delivered, not acknowledged
        self._last = -1
        self._finished = 0
        self._committed: int | None = None

    def deliver(self, offset: int) -> None:
        """Note that a record was handed to a stage; one seen before changes nothing."""
        if offset > self._last:
            self._delivered.append(offset)
            self._held.add(offset)
            self._last = offset

    def acknowledge(self, offset: int) -> None:
        """Note that a record's effect is durable; an offset never delivered is ignored."""
        if offset in self._held:
            self._held.discard(offset)
            self._finished += 1

    def to_commit(self) -> int | None:
        """
        Return the offset from which the group must resume, or None if that is committed already.

        It is the lowest delivered offset that is not acknowledged, else one past the last.
        """
        if self._last < 0:
            return None
        head = self.head
        resume = self._last + 1 if head is None else head
        return None if resume == self._committed else resume

    def committed(self, offset: int) -> None:
        """Note that the broker has stored *offset*; one that it refused is offered again."""
        self._committed = offset

    @property
    def head(self) -> int | None:
        """The lowest delivered offset that is not acknowledged; None: all are."""
        delivered, held = self._delivered, self._held
        while delivered and delivered[0] not in held:
            delivered.popleft()
        return delivered[0] if delivered else None

    @property
    def stored(self) -> int | None:
        """The offset that the broker has stored last, if any."""
        return self._committed

    @property
    def position(self) -> int:
        """One past the last delivered offset; 0 before the first."""
        return self._last + 1

    @property
    def finished(self) -> int:
        """How many records were acknowledged."""
        return self._finished

    @property
    def held(self) -> int:
        """How many delivered records are not acknowledged."""
        return len(self._held)
