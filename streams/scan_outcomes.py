"""
What becomes of a scan's pages: snapshots, or a comparison and its repair.

All of it may happen twice; the record of the next page is stored after it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runtime.clock import Clock
from runtime.errors import PimAnswerUnusable, RecordTooLarge
from sinks.drift import DriftFinder, PageDrift
from streams.appending import append_all
from streams.scan_pages import ScannedPage
from streams.settling import Settler
from topics.audit import AuditRecord
from topics.due import Lane
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic
from topics.records import Publisher
from topics.scans import EXAMPLES_MAX, ScanPhase, ScanPurpose, ScanRecord
from topics.snapshots import Snapshot

ReadAudit = Callable[[str], Awaitable[list[AuditRecord]]]


@dataclass(frozen=True, slots=True)
class ScanOutcomes:
    """Publishes pages, or compares them; *read_audit* returns what a scan's pages have shown."""

    settler: Settler
    drift: DriftFinder
    publisher: Publisher
    topics: TopicNames
    read_audit: ReadAudit
    clock: Clock  # time.time

    async def publish(self, page: ScannedPage) -> None:
        """Append the snapshots of a page: they go into the index."""
        await append_all(page.snapshots, self._append)

    async def _append(self, snapshot: Snapshot) -> None:
        try:
            await self.settler.store(snapshot)
        except RecordTooLarge as error:
            await self.settler.set_aside(snapshot, error)

    async def check_emptiness(self, scan: ScanRecord, page: ScannedPage) -> None:
        """
        Ask for one resource that the index holds, where the PIM's list shows nothing at all.

        Raises:
            PimAnswerUnusable: the PIM has it: its list cannot be believed now.
        """
        if scan.page > 1 or page.snapshots or scan.since_s is not None:
            return
        held = self.drift.find_extra(scan.kind, seen=frozenset(), below=scan.markers)
        async for code, _ in held:
            if await self.settler.asker.ask(scan.kind, Lane.SCAN, [code]):
                raise PimAnswerUnusable(f"the list is empty, but the PIM has {code!r}")
            return

    async def compare(self, scan: ScanRecord, page: ScannedPage) -> PageDrift:
        """Compare a page with the index, have repaired what differs; return what was found."""
        found: PageDrift = await self.drift.compare(page.snapshots)
        codes = tuple(snapshot.code for snapshot in page.snapshots)
        audit = AuditRecord(scan.id, scan.page, codes)
        await self.publisher.append(self.topics.audit, key=audit.key, value=audit.to_json())
        if scan.purpose is ScanPurpose.RECONCILE:
            await self._trigger(scan, found.codes)
        return found

    async def close(self, scan: ScanRecord) -> ScanRecord:
        """After a full comparing scan: what does the index hold that no page has shown?"""
        extra, codes, examples = 0, dict[str, None](), list(scan.examples)
        if scan.purpose is not ScanPurpose.BACKFILL and scan.since_s is None:
            seen = frozenset(
                hash(code) for record in await self.read_audit(scan.id) for code in record.codes
            )
            async for code, locale in self.drift.find_extra(
                scan.kind, seen=seen, below=scan.markers
            ):
                extra += 1
                codes[code] = None
                if len(examples) < EXAMPLES_MAX:
                    examples.append(f"{scan.kind}:{code} in {locale}: extra")
            if scan.purpose is ScanPurpose.RECONCILE:
                await self._trigger(scan, list(codes))
        return scan.change(
            phase=ScanPhase.DONE,
            extra=extra,
            examples=tuple(examples[:EXAMPLES_MAX]),
            updated_s=self.clock(),
        )

    async def _trigger(self, scan: ScanRecord, codes: list[str]) -> None:
        """From here it is an ordinary change, behind live edits."""
        now_s = self.clock()
        await append_all(codes, lambda code: self._announce(scan, code, now_s))

    async def _announce(self, scan: ScanRecord, code: str, now_s: float) -> None:
        await self.publisher.append(
            self.topics.notifications,
            key=to_key_bytes(code),
            value=to_synthetic(
                scan.kind, code, now_s=now_s, reason="drift", process=f"reconcile:{scan.id}"
            ),
            headers=to_headers(Source.TRIGGER, now_s=now_s),
        )
