"""A scanner that runs against a simulated PIM, in a virtual loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from elasticsearch import AsyncElasticsearch

from pim.kinds import Kind
from simulator.faults import Fault, FaultKind
from sinks.drift import DriftFinder
from streams.log_reader import Read
from streams.scan_budget import CompareBudget
from streams.scan_outcomes import ScanOutcomes
from streams.scan_pages import PageReader
from streams.scan_patience import UNUSABLE_MAX_S
from streams.scanner import Scanner, to_new_scan
from tests.streams.examples import Inbox
from tests.streams.pim import EPOCH, TOPICS, Bench, open_bench
from topics.audit import AuditRecord
from topics.due import Lane
from topics.scans import ScanPurpose, ScanRecord

VARIANTS = Kind.VARIANT


@dataclass
class Surroundings:
    """What has changed since the worker started, in words."""

    changed: str | None = None

    async def look(self) -> str | None:
        """Return it."""
        return self.changed


@dataclass
class Scans:
    """A scanner that runs, and what it has stored."""

    bench: Bench
    scanner: Scanner
    running: "asyncio.Task[None]"
    inbox: Inbox = field(default_factory=lambda: Inbox("t.due"))
    surroundings: Surroundings = field(default_factory=Surroundings)

    @property
    def records(self) -> list[ScanRecord]:
        """All records of scans in `due`."""
        return [ScanRecord.parse(r.value or b"") for r in self.bench.publisher.of(TOPICS.due)]

    async def take(self, scan: ScanRecord) -> None:
        """Hand a record over."""
        await self.scanner.take(self.inbox.receive(scan.to_json(), key=scan.key))

    async def restart(self) -> None:
        """Let another scanner go on."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        self.scanner = to_scanner(self.bench, self.surroundings)
        self.running = asyncio.create_task(self.scanner.run())

    @property
    def is_all_acknowledged(self) -> bool:
        """Whether nothing that was handed over is held."""
        return sorted(self.inbox.acknowledged) == list(range(self.inbox.next_offset))

    async def follow(self, scan: ScanRecord, *, within_s: float = 3 * UNUSABLE_MAX_S) -> ScanRecord:
        """Hand over a scan's records until it is over, as the topic does; return the last."""
        await self.take(scan)
        handed = before = len(self.records)
        async with asyncio.timeout(within_s):
            while True:
                newest = self.records[handed:]
                for each in newest:
                    await self.take(each)
                handed += len(newest)
                if len(self.records) > before and self.records[-1].is_over:
                    return self.records[-1]
                await asyncio.sleep(0.05)


def to_scanner(bench: Bench, surroundings: Surroundings) -> Scanner:
    async def read_control() -> list[Read]:
        return [
            Read(offset, bench.clock(), record.key, record.value)
            for offset, record in enumerate(bench.publisher.of(TOPICS.control))
        ]

    async def read_audit(_scan: str) -> list[AuditRecord]:
        return []

    nowhere = AsyncElasticsearch("http://127.0.0.1:1")  # backfills compare nothing
    return Scanner(
        reader=PageReader(
            bench.client, bench.gate.of(Lane.SCAN), bench.ends, bench.settler, bench.clock
        ),
        settler=bench.settler,
        outcomes=ScanOutcomes(
            bench.settler,
            DriftFinder(nowhere, "q", {}, {}),
            bench.publisher,
            TOPICS,
            read_audit,
            bench.clock,
        ),
        publisher=bench.publisher,
        topics=TOPICS,
        epoch=EPOCH,
        read_control=read_control,
        budget=CompareBudget(daily_requests=1_000),
        look_around=surroundings.look,
        clock=bench.clock,
    )


@asynccontextmanager
async def open_scans(*, documents: int = 30) -> AsyncIterator[Scans]:
    """Run a scanner."""
    async with open_bench(documents=documents) as bench:
        surroundings = Surroundings()
        scanner = to_scanner(bench, surroundings)
        running = asyncio.create_task(scanner.run())
        scans = Scans(bench, scanner, running, surroundings=surroundings)
        try:
            yield scans
        finally:
            scans.running.cancel()
            await asyncio.gather(scans.running, return_exceptions=True)


def to_backfill(bench: Bench) -> ScanRecord:
    return to_new_scan(
        ScanPurpose.BACKFILL, VARIANTS, now_s=bench.clock(), since_s=None, asked_by="command"
    )


def codes_of(bench: Bench) -> set[str]:
    return set(bench.simulation.instance.catalog.codes(VARIANTS))


def set_fault(bench: Bench, kind: FaultKind, **fields: object) -> None:
    bench.simulation.faults.set(kind, Fault.model_validate({"path": "/api/variants", **fields}))


async def begin(scans: Scans) -> ScanRecord:
    """Let the markers be appended; return the record of the first page."""
    await scans.take(to_backfill(scans.bench))
    await scans.bench.until(lambda: scans.records, advance_s=0.1)
    return scans.records[0]
