"""
Rows whose topic Kafka refuses, as where a right is missing: kept apart, so that they hold up nothing.

They lie in segments of their own beside the spool's, and count as spooled. Now and then the oldest
is drained as any other; what is still refused comes back here. After a restart all of them are.
Where the disk does not keep such rows, the segment that they lie in is set aside as it is.
Died while rows are kept: they lie in two segments, and are appended twice, which is harmless.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

from ingress.segments import Segment, SegmentWriter
from runtime.clock import Clock


class RefusedRows:
    """The segments of one process that wait for a topic's sake."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._writer = SegmentWriter(folder, clock)
        self._lock = threading.Lock()
        self.segments: set[Segment] = set()
        self._aside: set[Segment] = set()

    @property
    def is_waiting(self) -> bool:
        """Whether there is anything to release."""
        return bool(self.segments or self._aside)

    def holds(self, segment: Segment) -> bool:
        """Whether a segment is to be left alone until it is released."""
        # The one that is appended to counts from before it exists: a process that ends drains on
        # while a thread may still be keeping rows in it.
        is_kept = segment == self._writer.active or segment in self.segments
        return is_kept or segment in self._aside

    def waits_in(self, folder: Path) -> bool:
        """Whether a segment that was set aside lies in a folder."""
        return any(segment.path.parent == folder for segment in self._aside)

    def set_aside(self, segment: Segment) -> None:
        """Leave a segment alone in which rows lie that could not be kept."""
        self._aside.add(segment)

    def keep(self, rows: Sequence[bytes]) -> int:
        """
        Return the bytes that the rows take, once they are on the disk; this blocks.

        Raises:
            OSError: none of them counts as kept.
        """
        with self._lock:
            size = self._writer.append(rows)
            assert self._writer.active is not None
            self.segments.add(self._writer.active)
        return size

    def release(self) -> None:
        """Let the oldest segment be drained again, and all that were set aside; this blocks."""
        self._aside = set()  # each stops at its first row that is still refused and not kept
        with self._lock:
            if not self.segments:
                return
            self._writer.seal()
            self.segments.remove(min(self.segments, key=lambda segment: segment.place))
