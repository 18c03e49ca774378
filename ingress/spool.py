"""
The spool: where accepted records lie while Kafka is away.

One thread writes. All rows that wait when it comes round are one group: one write, one fdatasync,
and then all their calls are answered. The next group gathers meanwhile, so no row waits for a
timer, and a group is bounded by count and bytes.
"""

import asyncio
import contextlib
import os
import queue
import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingress.accepted import Accepted
from ingress.frames import Piece
from ingress.segments import Segment, SegmentWriter, Sync, list_segments, remove_unfinished
from runtime.clock import Clock
from runtime.errors import TransientError
from runtime.logs import get_logger
from runtime.metrics import spool_bytes, spool_rows

CAP_BYTES: Final = 2 * 1024 * 1024 * 1024
GROUP_ROWS_MAX: Final = 200
GROUP_BYTES_MAX: Final = 4 * 1024 * 1024
WAITING_ROWS_MAX: Final = 5_000
WAITING_BYTES_MAX: Final = 32 * 1024 * 1024

log = get_logger(__name__)


class SpoolUnavailable(TransientError):
    """The spool is full, or the disk refused: the record is not stored."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    row: bytes
    stored: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class _Order:
    done: asyncio.Future[None]
    stop: bool


class Spool:
    """The segments of one process, in a folder that only it has locked."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        cap_bytes: int = CAP_BYTES,
        sync: Sync = os.fdatasync,
    ) -> None:
        self.folder = folder
        self._cap_bytes = cap_bytes
        self._writer = SegmentWriter(folder, clock, sync=sync)
        self._queue: queue.SimpleQueue[_Waiting | _Order] = queue.SimpleQueue()
        self._waiting_rows = self._waiting_bytes = 0
        self._rows = self._bytes = 0
        self._uncounted: dict[Segment, int] = {}  # whose rows are not; up to where it is drained
        self._thread = threading.Thread(target=self._write, name="spool", daemon=True)
        self.is_failing = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to drain, as far as it was counted."""
        return self._bytes == 0

    @property
    def has_unsealed_rows(self) -> bool:
        """Whether there are rows that only `seal` makes ready to be drained."""
        return self._writer.has_rows

    @property
    def is_counted(self) -> bool:
        """Whether the rows that an earlier process left are counted."""
        return not self._uncounted

    @property
    def used(self) -> float:
        """The used part of the cap."""
        return self._bytes / self._cap_bytes

    async def open(self) -> None:
        """
        Start to write. Of what an earlier process left only the bytes are known then.

        To count its rows takes seconds for each gigabyte, and calls wait already.
        """
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(remove_unfinished, self.folder)
        left = await asyncio.to_thread(_measure_left, self.folder)
        self._uncounted = {segment: start for segment, (start, _) in left.items()}
        self.count(0, sum(size for _, size in left.values()))
        self._thread.start()
        self._counting = asyncio.create_task(self._count_left())

    async def store(self, accepted: Accepted) -> None:
        """
        Return once the record is on the disk.

        Raises:
            SpoolUnavailable: it is not stored; or it is, and the disk failed to say so.
        """
        row = accepted.to_row()
        if self._bytes + self._waiting_bytes + len(row) > self._cap_bytes:
            raise SpoolUnavailable("the spool is full")
        if (
            self._waiting_rows >= WAITING_ROWS_MAX
            or self._waiting_bytes + len(row) > WAITING_BYTES_MAX
        ):
            raise SpoolUnavailable("too many records wait for the disk")
        stored: asyncio.Future[None] = self._loop.create_future()
        self._waiting_rows += 1
        self._waiting_bytes += len(row)
        self._queue.put(_Waiting(row, stored))
        # Died here: the row is on the disk or not; the caller has no answer, and tries again.
        await stored

    async def seal(self) -> None:
        """Make what was written so far ready to be drained."""
        await self._order(stop=False)

    def list_sealed(self) -> list[Segment]:
        """Return the segments that are appended to no more, oldest first."""
        segments = list_segments(self.folder)
        active = self._writer.active  # only now: what was active before may be sealed already
        return [segment for segment in segments if segment != active]

    def count(self, rows: int, size: int) -> None:
        """Note that there is more in the spool, or less."""
        self._rows = max(0, self._rows + rows)
        self._bytes = max(0, self._bytes + size)
        spool_rows.set(self._rows + len(self._uncounted))  # one each at least: it is not empty
        spool_bytes.set(self._bytes)

    def count_drained(self, segment: Segment, pieces: Sequence[Piece]) -> None:
        """Note that the next pieces of a segment are drained."""
        rows = sum(piece.row is not None for piece in pieces)
        if segment in self._uncounted:
            self._uncounted[segment], rows = pieces[-1].end, 0
        self.count(-rows, -sum(piece.end - piece.start for piece in pieces))

    async def _count_left(self) -> None:
        for segment, start in list(self._uncounted.items()):
            starts = await asyncio.to_thread(_list_rows, segment, start)
            drained = self._uncounted.pop(segment)
            self.count(len(starts) - bisect_left(starts, drained), 0)

    async def close(self) -> None:
        """Write what waits, and stop."""
        self._counting.cancel()
        await self._order(stop=True)
        await asyncio.to_thread(self._thread.join)

    async def _order(self, *, stop: bool) -> None:
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(_Order(done, stop))
        await done

    def _write(self) -> None:  # the thread
        is_stopped = False
        self._prepare()
        while not is_stopped:
            group, order = self._gather()
            if group:
                self._write_group(group)
            if order is not None:
                self._writer.seal()
                self._tell(_fulfil, order.done)
                is_stopped = order.stop
            if not is_stopped:
                self._prepare()
        self._writer.seal()

    def _prepare(self) -> None:
        with contextlib.suppress(OSError):  # the next row will tell
            self._writer.prepare()

    def _gather(self) -> tuple[list[_Waiting], _Order | None]:
        group: list[_Waiting] = []
        size, item = 0, self._queue.get()
        while isinstance(item, _Waiting):
            group.append(item)
            size += len(item.row)
            if len(group) >= GROUP_ROWS_MAX or size >= GROUP_BYTES_MAX:
                return group, None
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, None
        return group, item

    def _write_group(self, group: list[_Waiting]) -> None:
        try:
            written = self._writer.append([waiting.row for waiting in group])
        except OSError as error:
            self._tell(self._settle, group, 0, error)
        else:
            self._tell(self._settle, group, written, None)

    def _settle(self, group: list[_Waiting], written: int, error: OSError | None) -> None:
        self._waiting_rows -= len(group)
        self._waiting_bytes -= sum(len(waiting.row) for waiting in group)
        if error is None:
            self.count(len(group), written)
        elif not self.is_failing:
            log.error("spool.write_failed", error=str(error), folder=str(self.folder))
        self.is_failing = error is not None
        for waiting in group:
            if waiting.stored.done():
                continue  # its call was given up
            if error is None:
                waiting.stored.set_result(None)
            else:
                waiting.stored.set_exception(SpoolUnavailable(f"the disk refused: {error}"))

    def _tell(self, call: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(call, *args)


def _fulfil(done: asyncio.Future[None]) -> None:
    if not done.done():  # who waited for it may have given up
        done.set_result(None)


def _measure_left(folder: Path) -> dict[Segment, tuple[int, int]]:
    """Return up to where each segment is drained, and how many bytes are left."""
    left = {}
    for segment in list_segments(folder):
        with contextlib.suppress(OSError):  # the drain reports what cannot be read
            start = segment.read_done()
            if segment.size > start:
                left[segment] = start, segment.size - start
    return left


def _list_rows(segment: Segment, start: int) -> list[int]:
    """Return where its rows begin."""
    try:
        return [piece.start for piece in segment.scan(start) if piece.row is not None]
    except OSError:  # drained meanwhile, or the drain reports it
        return []
