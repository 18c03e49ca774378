"""
What is left to drain of a folder's segments.

How far each of them is drained is remembered here too: where the disk takes no note of it, nothing
is counted or appended twice for that.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ingress.frames import Piece
from ingress.segments import Segment, list_segments
from ingress.spool import Spool


@dataclass(slots=True)
class Reading:
    """A segment that is being drained, and what is left of it."""

    segment: Segment
    pieces: Iterator[Piece]


@dataclass(slots=True)
class Backlog:
    """The segments of one process, and those that it has adopted."""

    spool: Spool
    _ends: dict[Segment, int] = field(default_factory=dict, init=False)

    async def next(self, adopted: Path | None) -> Reading | None:
        """Begin with the oldest segment of the spool, else of the folder *adopted*."""
        reading = self._read(await asyncio.to_thread(self.spool.list_sealed))
        if reading is None and self.spool.has_unsealed_rows:
            await self.spool.seal()
            reading = self._read(await asyncio.to_thread(self.spool.list_sealed))
        if reading is None and adopted is not None:
            reading = self._read(await asyncio.to_thread(list_segments, adopted))
        return reading

    async def note(self, segment: Segment, end: int) -> None:
        """Remember up to where a segment is drained."""
        self._ends[segment] = end
        # A full disk takes no note, and only draining makes room: after a crash, rows come twice.
        with suppress(OSError):
            await asyncio.to_thread(segment.write_done, end)

    async def end(self, segment: Segment) -> None:
        """Delete a segment that is drained."""
        await asyncio.to_thread(segment.delete)
        self._ends.pop(segment, None)

    def _read(self, segments: Sequence[Segment]) -> Reading | None:
        if not segments:
            return None
        return Reading(segments[0], segments[0].scan(self._ends.get(segments[0])))
