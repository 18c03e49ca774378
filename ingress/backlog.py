"""
What is left to drain of a folder's segments.

How far each of them is drained is remembered here too: where the disk takes no note of it, or does
not let go of what is drained, nothing is counted or appended twice for that.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ingress.frames import Piece
from ingress.mark import MARGIN_S, Mark
from ingress.refused import RefusedRows
from ingress.segments import Segment, list_segments
from ingress.spool import Spool
from runtime.logs import get_logger

log = get_logger(__name__)


@dataclass(slots=True)
class Reading:
    """A segment that is being drained, and what is left of it."""

    segment: Segment
    pieces: Iterator[Piece]


@dataclass(slots=True)
class Backlog:
    """The segments of one process, and those that it has adopted."""

    spool: Spool
    mark: Mark
    refused: RefusedRows
    _ends: dict[Segment, int] = field(default_factory=dict, init=False)
    _drained: set[Segment] = field(default_factory=set, init=False)  # that were not deleted yet
    _unreadable: set[Segment] = field(default_factory=set, init=False)
    _made_up_for: set[Segment] = field(default_factory=set, init=False)  # of these, by the mark

    async def next(self, adopted: Path | None) -> Reading | None:
        """Begin with the oldest segment of the spool, else of the folder *adopted*."""
        reading = await self._read(await asyncio.to_thread(self.spool.list_sealed))
        if reading is None and self.spool.has_unsealed_rows:
            await self.spool.seal()
            reading = await self._read(await asyncio.to_thread(self.spool.list_sealed))
        if reading is None and adopted is not None:
            reading = await self._read(await asyncio.to_thread(list_segments, adopted))
        return reading

    async def note(self, segment: Segment, end: int) -> None:
        """Remember up to where a segment is drained."""
        self._ends[segment] = end
        # A full disk takes no note, and only draining makes room: after a crash, rows come twice.
        with suppress(OSError):
            await asyncio.to_thread(segment.write_done, end)

    async def end(self, segment: Segment) -> None:
        """Delete a segment that is drained, now or later."""
        self._drained.add(segment)
        error = await self._delete(segment)
        if error:
            log.error("segment.not_deleted", segment=segment.path.name, error=error)

    def keeps(self, folder: Path) -> bool:
        """Whether a folder holds what this process has drained, or could not read."""
        return any(segment.path.parent == folder for segment in self._drained | self._unreadable)

    def untouched(self, segments: Sequence[Segment]) -> list[Segment]:
        """Return those that can be read, and nothing of which is drained yet."""
        touched = self._ends.keys() | self._drained | self._unreadable
        return [it for it in segments if it not in touched and not self.refused.holds(it)]

    async def _read(self, segments: Sequence[Segment]) -> Reading | None:
        for segment in segments:
            if segment in self._drained:
                await self._delete(segment)
            elif segment not in self._made_up_for and not self.refused.holds(segment):
                try:
                    pieces = await asyncio.to_thread(segment.scan, self._ends.get(segment))
                except OSError as error:
                    await self._set_aside(segment, error)
                else:
                    return Reading(segment, pieces)
        return None

    async def _set_aside(self, segment: Segment, error: OSError) -> None:
        """Pass over a segment that cannot be read, for a reconcile to make up for it."""
        if segment not in self._unreadable:
            self._unreadable.add(segment)
            log.error("segment.unreadable", segment=str(segment.path), error=str(error))
        with suppress(OSError):  # then both are tried again
            await asyncio.to_thread(self.mark.set_since, segment.created_s - MARGIN_S)
            self._made_up_for.add(segment)

    async def _delete(self, segment: Segment) -> str:
        """Return what hindered it, or nothing."""
        try:
            await asyncio.to_thread(segment.delete)
        except OSError as error:
            return str(error)
        self._drained.discard(segment)
        self._ends.pop(segment, None)
        return ""
