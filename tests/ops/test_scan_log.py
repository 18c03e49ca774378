"""Following scans in `due`, most of which is about single resources."""

import asyncio
import weakref
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from ops.scanning import ScanLog
from pim.kinds import Kind
from runtime.settings import Settings
from streams.log_reader import Read
from topics.scans import ScanPurpose, ScanRecord


class Life:
    """Ends with what holds it: bytes themselves can have no weak reference."""


class Value(bytes):
    """Bytes of which one can see whether somebody holds them."""

    life: Life


@dataclass
class Due:
    """A log of one record a batch; it stands still before the offset *stands_at*."""

    records: list[tuple[bytes, bytes]]
    stands_at: int | None = None
    is_standing: asyncio.Event = field(default_factory=asyncio.Event)
    starts: list[int] = field(default_factory=list)
    given: "weakref.WeakSet[Life]" = field(default_factory=weakref.WeakSet)
    held_max: int = 0

    async def read(
        self, _settings: Settings, _topic: str, start: int
    ) -> AsyncGenerator[list[Read], None]:
        self.starts.append(start)
        for offset in range(start, len(self.records)):
            if offset == self.stands_at:
                self.is_standing.set()
                await asyncio.Event().wait()
            await asyncio.sleep(0)  # as a fetch, which lets others go on
            key, value = self.records[offset]
            yield [Read(offset, 0.0, key, self._to_value(value))]
            self.held_max = max(self.held_max, len(self.given))

    def _to_value(self, value: bytes) -> Value:
        copy = Value(value)
        copy.life = Life()
        self.given.add(copy.life)
        return copy


def to_record(scan_id: str, page: int) -> tuple[bytes, bytes]:
    record = ScanRecord(
        id=scan_id, purpose=ScanPurpose.BACKFILL, kind=Kind.ASSET, page=page, began_s=0.0
    )
    return record.key, record.to_json()


async def read_until_it_stands(scans: ScanLog, due: Due, offset: int) -> None:
    due.stands_at = offset
    due.is_standing.clear()
    reading = asyncio.create_task(scans.read())
    await due.is_standing.wait()
    reading.cancel()
    await asyncio.wait({reading})


def test_a_reading_that_was_cut_is_gone_on_with() -> None:
    due = Due([to_record("a", 1), (b"asset:x", b"{}"), to_record("a", 2), to_record("b", 1)])

    async def scenario() -> list[tuple[str, int]]:
        scans = ScanLog(Settings(), due.read)
        await read_until_it_stands(scans, due, 2)
        await read_until_it_stands(scans, due, 3)
        due.stands_at = None
        return [(scan.id, scan.page) for scan in await scans.read()]

    assert asyncio.run(scenario()) == [("a", 2), ("b", 1)]
    assert due.starts == [0, 2, 3]


def test_records_about_single_resources_are_let_go_of() -> None:
    due = Due([to_record("a", 1), *((f"asset:{n}".encode(), b"{}") for n in range(100))])

    assert [scan.id for scan in asyncio.run(ScanLog(Settings(), due.read).read())] == ["a"]
    assert due.held_max <= 3  # the scan's, this batch's and the next one's


def test_of_two_readings_at_once_the_second_takes_what_the_first_left() -> None:
    due = Due([to_record("a", page) for page in range(3)])

    async def scenario() -> tuple[list[ScanRecord], list[ScanRecord]]:
        scans = ScanLog(Settings(), due.read)
        return await asyncio.gather(scans.read(), scans.read())

    assert [[scan.page for scan in found] for found in asyncio.run(scenario())] == [[2], [2]]
    assert due.starts == [0, 3]
