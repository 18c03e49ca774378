"""Rows lie on the disk before anybody is told."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingress.accepted import Accepted, parse_row
from ingress.segments import Segment, SegmentWriter, Sync
from ingress.spool import WAITING_BYTES_MAX, WAITING_ROWS_MAX, Spool, SpoolUnavailable
from runtime.metrics import REGISTRY
from tests.clock import FakeClock
from tests.ingress.examples import to_accepted
from tests.ingress.test_segments import Disk


@asynccontextmanager
async def opened(
    folder: Path, *, cap_bytes: int = 10**9, sync: Sync | None = None
) -> AsyncIterator[Spool]:
    disk = Disk()
    spool = Spool(folder, clock=FakeClock(), cap_bytes=cap_bytes, sync=sync or disk.sync)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.close()


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


def sealed(spool: Spool) -> list[Accepted]:
    return [
        parse_row(piece.row)
        for segment in spool.list_sealed()
        for piece in segment.scan()
        if piece.row is not None
    ]


def test_what_was_stored_can_be_drained_once_it_is_sealed(tmp_path: Path) -> None:
    async def test() -> None:
        async with opened(tmp_path) as spool:
            await spool.store(to_accepted("a"))
            await spool.store(to_accepted("b"))
            assert sealed(spool) == []
            assert not spool.is_empty

            await spool.seal()
            assert sealed(spool) == [to_accepted("a"), to_accepted("b")]

    run(test)


def test_rows_that_wait_together_share_a_sync(tmp_path: Path) -> None:
    disk = Disk()

    async def test() -> None:
        async with opened(tmp_path, sync=disk.sync) as spool:
            await asyncio.gather(*(spool.store(to_accepted(str(n))) for n in range(400)))

    run(test)
    assert 2 <= disk.syncs < 40


def test_a_new_process_counts_what_the_old_one_left(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, FakeClock())
    writer.append([to_accepted("a").to_row()])
    writer.seal()

    async def test() -> None:
        async with opened(tmp_path) as spool:
            assert not spool.is_empty
            assert sealed(spool) == [to_accepted("a")]

    run(test)


def rows_told() -> float | None:
    return REGISTRY.get_sample_value("quindex_spool_rows")


async def counted(spool: Spool) -> None:
    async with asyncio.timeout(5):
        while not spool.is_counted:  # noqa: ASYNC110 (no event says so)
            await asyncio.sleep(0)


def leave(folder: Path, rows: int) -> Segment:
    writer = SegmentWriter(folder, FakeClock())
    writer.append([to_accepted(str(number)).to_row() for number in range(rows)])
    assert writer.active is not None
    segment = writer.active
    writer.seal()
    return segment


def test_what_the_old_one_left_is_measured_first_and_counted_later(tmp_path: Path) -> None:
    segment = leave(tmp_path, 10)
    pieces = list(segment.scan())
    segment.write_done(pieces[2].end)
    empty = leave(tmp_path, 1)
    empty.write_done(empty.size)

    async def test() -> None:
        async with opened(tmp_path, cap_bytes=segment.size) as spool:
            told = [rows_told(), spool.is_counted]
            assert spool.used == 1 - pieces[2].end / segment.size
            assert told == [1, False]  # not 0: it is not empty

            await counted(spool)
            assert rows_told() == 7
            spool.count_drained(segment, pieces[3:5])
            assert rows_told() == 5

    run(test)


def test_what_is_drained_before_it_was_counted_is_not_counted(tmp_path: Path) -> None:
    segment, gone = leave(tmp_path, 10), leave(tmp_path, 3)
    pieces, others = list(segment.scan()), list(gone.scan())

    async def test() -> None:
        async with opened(tmp_path) as spool:
            spool.count_drained(segment, pieces[:4])
            spool.count_drained(segment, pieces[4:6])
            spool.count_drained(gone, others)
            gone.delete()
            await counted(spool)
            assert rows_told() == 4

            spool.count_drained(segment, pieces[6:])
            assert rows_told() == 0
            assert spool.is_empty

    run(test)


def test_a_new_process_removes_what_the_old_one_left_unfinished(tmp_path: Path) -> None:
    left = tmp_path / "0-1-2.tmp"
    left.touch()

    async def test() -> None:
        async with opened(tmp_path):
            assert not left.exists()

    run(test)


def test_a_disk_that_refuses_stores_nothing_until_it_recovers(tmp_path: Path) -> None:
    disk = Disk()

    async def test() -> None:
        async with opened(tmp_path, sync=disk.sync) as spool:
            disk.is_broken = True
            with pytest.raises(SpoolUnavailable, match="refused"):
                await spool.store(to_accepted("lost"))
            health = [spool.is_failing]
            assert spool.is_empty

            disk.is_broken = False
            await spool.store(to_accepted("kept"))
            assert [*health, spool.is_failing] == [True, False]
            await spool.seal()
            assert sealed(spool) == [to_accepted("kept")]

    run(test)


def test_a_full_spool_says_so(tmp_path: Path) -> None:
    async def test() -> None:
        row_bytes = len(to_accepted("a").to_row())
        async with opened(tmp_path, cap_bytes=row_bytes + 20) as spool:
            await spool.store(to_accepted("a"))
            with pytest.raises(SpoolUnavailable, match="full"):
                await spool.store(to_accepted("b"))
            assert spool.used > 0.9

            spool.count(-1, -row_bytes - 12)
            await spool.store(to_accepted("c"))

    run(test)


def test_what_waits_for_a_stuck_disk_is_bounded(tmp_path: Path) -> None:
    is_free = threading.Event()

    def stuck(_descriptor: int) -> None:
        is_free.wait()

    async def test() -> None:
        async with opened(tmp_path, sync=stuck) as spool:
            waiting = [
                asyncio.ensure_future(spool.store(to_accepted("a")))
                for _ in range(WAITING_ROWS_MAX)
            ]
            await asyncio.sleep(0)
            with pytest.raises(SpoolUnavailable, match="wait for the disk"):
                await spool.store(to_accepted("b"))

            is_free.set()
            await asyncio.gather(*waiting)
            with pytest.raises(SpoolUnavailable, match="wait for the disk"):
                await spool.store(Accepted("t", None, bytes(WAITING_BYTES_MAX)))

    run(test)


def test_a_call_that_gave_up_does_not_disturb_the_others(tmp_path: Path) -> None:
    is_free = threading.Event()

    def slow(_descriptor: int) -> None:
        is_free.wait()

    async def test() -> None:
        async with opened(tmp_path, sync=slow) as spool:
            impatient = asyncio.ensure_future(spool.store(to_accepted("a")))
            patient = asyncio.ensure_future(spool.store(to_accepted("b")))
            await asyncio.sleep(0)
            impatient.cancel()
            await asyncio.sleep(0)
            is_free.set()

            await patient
            assert impatient.cancelled()

    run(test)


def test_who_gave_up_waiting_for_a_seal_disturbs_nobody(tmp_path: Path) -> None:
    async def test() -> None:
        trouble: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, it: trouble.append(it))
        async with opened(tmp_path) as spool:
            sealing = asyncio.ensure_future(spool.seal())
            await asyncio.sleep(0)
            sealing.cancel()
            await spool.seal()
            assert trouble == []

    run(test)
