"""
Scans: reading all resources of a kind page by page, under the quota, beside live edits.

The state of a scan is its newest record in `due`; nothing else is remembered.

If the process dies:
  before the page's snapshots are stored    the page is read again
  before the next record is stored          the page is read again, its snapshots appended again
  after it, before the acknowledgement      the same; the record that is there twice is dropped
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

from runtime.clock import Clock
from runtime.errors import (
    MalformedRecord,
    MustRestart,
    PermanentError,
    PimAnswerUnusable,
    QuindexError,
)
from runtime.logs import get_logger
from sinks.drift import PageDrift
from streams.log_reader import Read
from streams.scan_budget import CompareBudget
from streams.scan_outcomes import ScanOutcomes
from streams.scan_pages import LaneIsBusy, PageReader
from streams.scan_queue import WAIT_MAX_S, Pending, ScanQueue
from streams.scan_steps import next_step, to_begun_anew
from streams.settling import Settler
from topics.layout import DUE_PARTITION
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_marker
from topics.records import Publisher, Received
from topics.scans import EXAMPLES_MAX, ScanPhase, ScanPurpose, ScanRecord, to_cancel_key
from topics.versions import to_epoch, to_version

BUDGET_LOOK_S: Final = 60.0
"""A scan that waits for its budget looks for its cancel so often."""
ERROR_MAX_CHARS: Final = 500
_POLL_S: Final = 0.2

ReadLog = Callable[[], Awaitable[list[Read]]]

log = get_logger(__name__)


class Scanner:
    """
    Does the pages of scans one after the other, one scan of a kind at a time.

    *look_around* returns what has changed since the worker started, in words: a worker of an older
    epoch would find everything in the index newer than what it reads, and end the scan as if
    nothing differed.
    """

    def __init__(
        self,
        *,
        reader: PageReader,
        settler: Settler,
        outcomes: ScanOutcomes,
        publisher: Publisher,
        topics: TopicNames,
        epoch: int,
        read_control: ReadLog,
        budget: CompareBudget,
        look_around: Callable[[], Awaitable[str | None]],
        clock: Clock,  # time.time
    ) -> None:
        self._reader, self._settler, self._outcomes = reader, settler, outcomes
        self._publisher, self._topics, self._epoch = publisher, topics, epoch
        self._read_control, self._clock = read_control, clock
        self._budget, self._look_around = budget, look_around
        self._queue = ScanQueue()
        self._wake = asyncio.Event()
        self._busy: Pending | None = None

    @property
    def is_active(self) -> bool:
        """Whether a scan is being read or waits."""
        return self._busy is not None or len(self._queue) > 0

    async def take(self, received: Received) -> None:
        """Queue a page, unless it was handled before."""
        try:
            scan = ScanRecord.parse(received.value or b"")
        except MalformedRecord as error:
            await self._settler.dead_letters.set_aside(
                received, reason=error.reason, error=str(error)
            )
            received.acknowledge()
            return
        self._queue.add(Pending(scan, received, self._clock()))
        self._wake.set()

    async def run(self) -> None:
        """Do what is pending, until cancelled."""
        while True:
            self._busy = await self._next()
            try:
                await self._do(self._busy)
            finally:
                self._busy = None

    def drop(self) -> None:
        """Forget everything held: the records are delivered again."""
        self._queue.clear()
        self._busy = None

    # --- choosing ---

    async def _next(self) -> Pending:
        while True:
            self._wake.clear()
            await self._move_back()
            chosen = self._queue.choose(self._clock())
            if chosen is not None:
                return chosen
            try:
                async with asyncio.timeout(_POLL_S if len(self._queue) else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _move_back(self) -> None:
        for pending in self._queue.behind(self._clock()):
            if self._queue.holds(pending):
                await self._store(pending.scan)
                self._queue.remove(pending)

    # --- doing ---

    async def _do(self, pending: Pending) -> None:
        scan = pending.scan
        self._budget.note(scan, self._clock())
        is_well = True
        try:
            following = await self._step(scan)
        except LaneIsBusy:
            following = self._clock()
        except Exception as error:  # noqa: BLE001 (a page must end no worker: it would end the next)
            following, is_well = self._postpone(pending, to_cause(error)), False
        if self._busy is not pending:  # dropped meanwhile: it is delivered again
            return
        if self._queue.is_superseded(pending):
            return
        if isinstance(following, float):
            pending.not_before_s = following
            if is_well and self._clock() - pending.since_s >= WAIT_MAX_S:
                await self._store(scan)  # died here: it is there twice, and one of them goes
                pending.received.acknowledge()
            else:
                self._queue.add(pending)
            return
        await self._store(following)
        self._budget.note(following, self._clock())
        self._queue.handled(pending)
        pending.received.acknowledge()
        if following.is_over:
            log.info("scan.ended", scan=scan.id, kind=scan.kind.value, phase=following.phase.value)

    async def _step(self, scan: ScanRecord) -> ScanRecord | float:
        """Return the record that follows, or until when (unix seconds) the scan must wait."""
        if await self._is_cancelled(scan):
            return scan.change(phase=ScanPhase.CANCELLED, updated_s=self._clock())
        if scan.page == 0:
            return await self._begin(scan)
        begun = max(map(to_epoch, scan.markers.values()), default=self._epoch)
        if begun > self._epoch:
            raise MustRestart(f"scan {scan.id} is of epoch {begun}, this worker of {self._epoch}")
        if begun < self._epoch:
            log.warning("scan.begun_anew", scan=scan.id, epoch=self._epoch, before=begun)
            return await self._begin(to_begun_anew(scan))
        if scan.phase is ScanPhase.CLOSING:
            if (changed := await self._look_around()) is not None:
                raise MustRestart(changed)
            return await self._outcomes.close(scan)
        wait_until_s = self._budget.to_wait(scan, self._clock())
        if wait_until_s is not None:
            log.info("scan.waiting", scan=scan.id, reason="the daily budget of reconciles")
            return min(wait_until_s, self._clock() + BUDGET_LOOK_S)
        return await self._read(scan)

    def _postpone(self, pending: Pending, error: QuindexError) -> ScanRecord | float:
        scan, now_s = pending.scan, self._clock()
        again_s = pending.patience.failed(error, now_s)
        if again_s is None:
            log.error("scan.failed", scan=scan.id, page=scan.page, error=str(error))
            text = f"page {scan.page}: {error}"[:ERROR_MAX_CHARS]
            return scan.change(phase=ScanPhase.FAILED, error=text, updated_s=now_s)
        log.warning("scan.postponed", scan=scan.id, page=scan.page, error=str(error))
        return again_s

    async def _begin(self, scan: ScanRecord) -> ScanRecord:
        """Append a marker to every partition: what the scan fetches is newer than all before."""
        markers = {}
        headers = to_headers(Source.MARKER, now_s=self._clock())
        for partition in sorted(await self._reader.ends.read()):
            offset = await self._publisher.append(
                self._topics.notifications,
                key=None,
                value=to_marker(now_s=self._clock()),
                headers=headers,
                partition=partition,
            )
            markers[partition] = to_version(self._epoch, offset + 1)
        return scan.change(
            page=1,
            markers=markers,
            updated_s=self._clock(),
            deletes_seen=self._settler.deletes[scan.kind],
        )

    async def _read(self, scan: ScanRecord) -> ScanRecord | float:
        deletes_seen = self._settler.deletes[scan.kind]
        page = await self._reader.read(scan)
        if isinstance(page, float):
            return page
        if (trouble := page.to_trouble(scan.page)) is not None:
            raise PimAnswerUnusable(trouble)
        found = PageDrift()
        if scan.purpose is ScanPurpose.BACKFILL:
            await self._outcomes.publish(page)
        else:
            await self._outcomes.check_emptiness(scan, page)
            found = await self._outcomes.compare(scan, page)
        examples = tuple(dict.fromkeys((*scan.examples, *found.examples)))[:EXAMPLES_MAX]
        return next_step(
            scan.model_copy(update={"examples": examples}),
            has_next=page.has_next and bool(page.snapshots),
            total=page.total,
            deletes_seen=deletes_seen,
            counted={"resources": len(page.snapshots), **found.counted},
            requests=page.requests,
            now_s=self._clock(),
        )

    async def _is_cancelled(self, scan: ScanRecord) -> bool:
        wanted = to_cancel_key(scan.id)
        return any(record.key == wanted for record in await self._read_control())

    async def _store(self, scan: ScanRecord) -> None:
        await self._publisher.append(
            self._topics.due, key=scan.key, value=scan.to_json(), partition=DUE_PARTITION
        )


def to_cause(error: Exception) -> QuindexError:
    """
    Return what a page failed by; a bug is one more thing that ends its scan after a while.

    Raises:
        MustRestart: the worker must end.
    """
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, MustRestart):
        raise error
    if isinstance(error, QuindexError):
        return error
    log.error("scan.broken", error=repr(error), exc_info=error)
    return PermanentError(f"a bug: {error!r}")


def to_new_scan(
    purpose: ScanPurpose, kind: object, *, now_s: float, since_s: float | None, asked_by: str
) -> ScanRecord:
    """Return the first record of a scan."""
    return ScanRecord.model_validate(
        {
            "id": uuid4().hex[:12],
            "purpose": purpose,
            "kind": kind,
            "page": 0,
            "since_s": since_s,
            "asked_by": asked_by,
            "began_s": now_s,
            "updated_s": now_s,
        }
    )
