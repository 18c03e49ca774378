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
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from runtime.clock import Clock
from runtime.errors import (
    MalformedRecord,
    PermanentError,
    PimAnswerUnusable,
    RecordTooLarge,
    TransientError,
)
from runtime.logs import get_logger
from runtime.metrics import snapshots
from sinks.drift import DriftFinder, PageDrift
from streams.log_reader import Read
from streams.scan_pages import PageReader, ScannedPage
from streams.scan_steps import Progress, next_step
from streams.settling import Settler
from topics.audit import AuditRecord
from topics.layout import DUE_PARTITION
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_key_bytes, to_marker, to_synthetic
from topics.records import Publisher, Received
from topics.scans import EXAMPLES_MAX, ScanPhase, ScanPurpose, ScanRecord, to_cancel_key
from topics.snapshots import Snapshot
from topics.versions import to_version

WAIT_MAX_S: Final = 60.0
"""What must wait longer for another scan of its kind is appended again: nothing pins the log."""
AGAIN_AFTER_S: Final = 5.0
_POLL_S: Final = 0.2

ReadLog = Callable[[], Awaitable[list[Read]]]
ReadAudit = Callable[[str], Awaitable[list[AuditRecord]]]

log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Pending:
    scan: ScanRecord
    received: Received
    since_s: float
    not_before_s: float = 0.0


class Scanner:
    """Does the pages of scans one after the other, one scan of a kind at a time."""

    def __init__(
        self,
        *,
        reader: PageReader,
        settler: Settler,
        drift: DriftFinder,
        publisher: Publisher,
        topics: TopicNames,
        epoch: int,
        read_control: ReadLog,
        read_audit: ReadAudit,
        clock: Clock,  # time.time
    ) -> None:
        self._reader, self._settler, self._drift = reader, settler, drift
        self._publisher, self._topics, self._epoch = publisher, topics, epoch
        self._read_control, self._read_audit, self._clock = read_control, read_audit, clock
        self._pending: list[_Pending] = []
        self._progress = Progress()
        self._wake = asyncio.Event()
        self._busy: _Pending | None = None

    @property
    def is_active(self) -> bool:
        """Whether a scan is being read or waits."""
        return self._busy is not None or bool(self._pending)

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
        if scan.is_over or not self._progress.is_new(scan):
            received.acknowledge()
            return
        self._pending.append(_Pending(scan, received, self._clock()))
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
        self._pending.clear()
        self._progress.clear()

    # --- choosing ---

    async def _next(self) -> _Pending:
        while True:
            self._wake.clear()
            now_s = self._clock()
            first: dict[str, _Pending] = {}
            for pending in sorted(self._pending, key=lambda each: each.scan.began_s):
                first.setdefault(pending.scan.kind, pending)
            await self._move_back([each for each in self._pending if each not in first.values()])
            ready = [each for each in first.values() if each.not_before_s <= now_s]
            if ready:
                chosen = min(ready, key=lambda each: each.scan.updated_s)
                self._pending.remove(chosen)
                return chosen
            try:
                async with asyncio.timeout(_POLL_S if self._pending else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _move_back(self, waiting: list[_Pending]) -> None:
        for pending in waiting:
            if self._clock() - pending.since_s >= WAIT_MAX_S and pending in self._pending:
                await self._store(pending.scan)
                if pending in self._pending:
                    self._pending.remove(pending)
                    pending.received.acknowledge()

    # --- doing ---

    async def _do(self, pending: _Pending) -> None:
        scan = pending.scan
        try:
            if await self._is_cancelled(scan):
                following: ScanRecord | float = scan.change(
                    phase=ScanPhase.CANCELLED, updated_s=self._clock()
                )
            elif scan.page == 0:
                following = await self._begin(scan)
            elif scan.phase is ScanPhase.CLOSING:
                following = await self._close(scan)
            else:
                following = await self._read(scan)
        except (TransientError, PermanentError) as error:
            log.warning("scan.postponed", scan=scan.id, page=scan.page, error=str(error))
            following = self._clock() + AGAIN_AFTER_S
        if isinstance(following, float):
            pending.not_before_s = following
            self._pending.append(pending)
            return
        await self._store(following)
        self._progress.handled(scan)
        pending.received.acknowledge()
        if following.is_over:
            log.info("scan.ended", scan=scan.id, kind=scan.kind.value, phase=following.phase.value)

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
        if page.ends_early(scan.page):
            raise PimAnswerUnusable(f"page {scan.page} ends the list before its total")
        changes = {}
        if scan.purpose is ScanPurpose.BACKFILL:
            await self._publish(page)
        else:
            changes = await self._compare(scan, page)
        return next_step(
            scan.model_copy(update=changes),
            has_next=page.has_next and bool(page.snapshots),
            total=page.total,
            deletes_seen=deletes_seen,
            resources=len(page.snapshots),
            requests=page.requests,
            now_s=self._clock(),
        )

    async def _publish(self, page: ScannedPage) -> None:
        async with asyncio.TaskGroup() as group:
            for snapshot in page.snapshots:
                group.create_task(self._append(snapshot))

    async def _append(self, snapshot: Snapshot) -> None:
        try:
            await self._publisher.append(
                self._topics.snapshots,
                key=snapshot.key.encode("utf-8", "surrogatepass"),
                value=snapshot.to_json(),
            )
        except RecordTooLarge as error:
            log.warning("snapshot.too_large", key=snapshot.key, error=str(error))
        else:
            snapshots.labels(snapshot.kind.value, str(snapshot.deleted).lower()).inc()

    async def _compare(self, scan: ScanRecord, page: ScannedPage) -> dict[str, object]:
        found: PageDrift = await self._drift.compare(page.snapshots)
        codes = tuple(snapshot.code for snapshot in page.snapshots)
        audit = AuditRecord(scan.id, scan.page, codes)
        await self._publisher.append(self._topics.audit, key=audit.key, value=audit.to_json())
        if scan.purpose is ScanPurpose.RECONCILE:
            await self._trigger(scan, found.codes)
        return {
            "same": scan.same + found.same,
            "missing": scan.missing + found.missing,
            "different": scan.different + found.different,
            "moved_on": scan.moved_on + found.moved_on,
            "examples": (*scan.examples, *found.examples)[:EXAMPLES_MAX],
        }

    async def _close(self, scan: ScanRecord) -> ScanRecord:
        """After a full comparing scan: what does the index hold that no page has shown?"""
        extra, codes, examples = 0, dict[str, None](), list(scan.examples)
        if scan.purpose is not ScanPurpose.BACKFILL and scan.since_s is None:
            seen = frozenset(
                hash(code) for record in await self._read_audit(scan.id) for code in record.codes
            )
            async for code, locale in self._drift.find_extra(
                scan.kind, seen=seen, below=scan.markers
            ):
                extra += 1
                codes[code] = None
                examples.append(f"{scan.kind}:{code} in {locale}: extra")
            if scan.purpose is ScanPurpose.RECONCILE:
                await self._trigger(scan, list(codes))
        return scan.change(
            phase=ScanPhase.DONE,
            extra=extra,
            examples=tuple(examples[:EXAMPLES_MAX]),
            updated_s=self._clock(),
        )

    async def _trigger(self, scan: ScanRecord, codes: list[str]) -> None:
        """From here it is an ordinary change, behind live edits."""
        now_s = self._clock()
        async with asyncio.TaskGroup() as group:
            for code in codes:
                group.create_task(
                    self._publisher.append(
                        self._topics.notifications,
                        key=to_key_bytes(code),
                        value=to_synthetic(
                            scan.kind,
                            code,
                            now_s=now_s,
                            reason="drift",
                            process=f"reconcile:{scan.id}",
                        ),
                        headers=to_headers(Source.TRIGGER, now_s=now_s),
                    )
                )

    async def _is_cancelled(self, scan: ScanRecord) -> bool:
        wanted = to_cancel_key(scan.id)
        return any(record.key == wanted for record in await self._read_control())

    async def _store(self, scan: ScanRecord) -> None:
        await self._publisher.append(
            self._topics.due, key=scan.key, value=scan.to_json(), partition=DUE_PARTITION
        )


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
