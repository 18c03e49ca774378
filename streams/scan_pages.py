"""Reads one page of a scan from the PIM, as snapshots."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pim.answers import Resource, to_code
from pim.client import PimClient
from pim.kinds import Kind
from pim.urls import PAGE_MAX
from runtime.clock import Clock
from runtime.errors import TransientError
from streams.quota_gate import LaneGate
from streams.settling import Settler
from topics.due import DueRecord, Lane
from topics.end_offsets import EndOffsets
from topics.notifications import to_key_bytes
from topics.partitions import to_partition
from topics.scans import ScanPurpose, ScanRecord
from topics.snapshots import Snapshot

BEYOND_TOTAL_MAX: Final = 10 * PAGE_MAX
"""A list that goes on so many resources after its own total does not turn its pages."""
FIRST_SLOT_MAX_S: Final = 60.0
"""How long a page waits for its first request until its scan is looked at again."""


class LaneIsBusy(TransientError):
    """Others use the quota, or the PIM is not asked now: the page is read later."""


@dataclass
class CountingGate:
    """Counts the requests that pass; the first of them waits for its slot only so long."""

    gate: LaneGate
    requests: int = 0

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """
        Wait for a slot; hold it.

        Raises:
            LaneIsBusy: there was none for the first request.
        """
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(None if self.requests else FIRST_SLOT_MAX_S):
                    await stack.enter_async_context(self.gate.request())
            except TimeoutError as error:
                raise LaneIsBusy("the requests are used up by others") from error
            self.requests += 1
            yield


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """The snapshots of a page, in the PIM's order."""

    snapshots: list[Snapshot]
    has_next: bool
    total: int | None
    requests: int
    unreadable: int = 0  # members without an id

    def to_trouble(self, number: int) -> str | None:
        """Return what cannot be right about this as the page of that number, in words."""
        if self.total is None:
            return None
        before = (number - 1) * PAGE_MAX
        if not self.has_next and before + len(self.snapshots) + self.unreadable < self.total:
            return f"page {number} ends the list before its total"
        if self.has_next and before >= self.total + BEYOND_TOTAL_MAX:
            return f"page {number} goes on after the list's total"
        return None


@dataclass
class PageReader:
    """Reads pages in the lane of scans; *settler* knows epoch and classification names."""

    client: PimClient
    gate: LaneGate
    ends: EndOffsets
    settler: Settler
    clock: Clock  # time.time

    async def read(self, scan: ScanRecord) -> ScannedPage | float:
        """
        Return the page, or until when (unix seconds) it must wait for something that is needed.

        Raises:
            PimUnavailable, PimUnauthorized, PimAnswerUnusable: nothing can be said of the page.
            LaneIsBusy: it was not asked for.
            KafkaUnavailable: the end offsets are not known.
        """
        gate = CountingGate(self.gate)
        client = self.client.through(gate)
        ends = await self.ends.read()  # before the request: the answer covers all up to here
        fetched_s = self.clock()
        page = await client.fetch_page(
            scan.kind, page=scan.page, order="id", modified_after_s=scan.since_s
        )
        snapshots = []
        for found in page.resources:
            code = to_code(found)
            if code is None:
                continue
            resource: Resource = await client.complete(scan.kind, found)
            record = self._to_record(scan, code, ends, fetched_s)
            if self.settler.classifications is not None and not _only_looks(scan):
                wait_until_s = await self.settler.classifications.settle(record, resource)
                if wait_until_s is not None:
                    return wait_until_s
            snapshots.append(self.settler.to_snapshot(record, resource, ends, fetched_s))
        return ScannedPage(snapshots, page.has_next, page.total, gate.requests, page.unreadable)

    def _to_record(
        self, scan: ScanRecord, code: str, ends: Mapping[int, int], fetched_s: float
    ) -> DueRecord:
        partition = to_partition(to_key_bytes(code), len(ends))
        return DueRecord(
            kind=scan.kind,
            code=code,
            lane=Lane.SCAN,
            partition=partition,
            offset=max(0, ends[partition] - 1),
            notified_s=fetched_s,
            newest_s=fetched_s,
            notifications=0,
        )


def _only_looks(scan: ScanRecord) -> bool:
    """Whether what its classifications show must change nothing."""
    return scan.purpose is ScanPurpose.COMPARE and scan.kind is Kind.CLASSIFICATION
