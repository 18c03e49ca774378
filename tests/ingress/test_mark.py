"""The last rung."""

import asyncio
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingress.mark import FILE_BYTES, MARGIN_S, Mark, read_mark
from tests.ingress.test_drain import bench


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Mark]:
    mark = Mark(tmp_path)
    mark.open()
    yield mark
    mark.close()


def reopened(mark: Mark, folder: Path) -> Mark:
    mark.close()
    again = Mark(folder)
    again.open()
    again.close()
    return again


def test_its_file_is_allocated_before_it_is_needed(mark: Mark, tmp_path: Path) -> None:
    assert mark.since_s is None
    assert (tmp_path / "mark").stat().st_size == FILE_BYTES


def test_a_set_mark_outlives_the_process(mark: Mark, tmp_path: Path) -> None:
    asyncio.run(mark.set(5_000.0))

    assert reopened(mark, tmp_path).since_s == 5_000.0 - MARGIN_S


def test_it_only_moves_back(mark: Mark, tmp_path: Path) -> None:
    asyncio.run(mark.set(5_000.0))
    asyncio.run(mark.set(6_000.0))
    assert mark.since_s == 5_000.0 - MARGIN_S

    mark.set_since(1_000.0)
    assert reopened(mark, tmp_path).since_s == 1_000.0


def test_a_cleared_mark_is_forgotten(mark: Mark, tmp_path: Path) -> None:
    asyncio.run(mark.set(5_000.0))

    assert asyncio.run(mark.clear(mark.times_set))
    assert reopened(mark, tmp_path).since_s is None


def test_a_mark_set_again_meanwhile_is_not_cleared(mark: Mark, tmp_path: Path) -> None:
    asyncio.run(mark.set(5_000.0))
    times_set = mark.times_set
    asyncio.run(mark.set(6_000.0))

    assert not asyncio.run(mark.clear(times_set))
    assert reopened(mark, tmp_path).since_s == 5_000.0 - MARGIN_S


def test_a_mark_set_while_it_is_being_cleared_is_written_anew(mark: Mark, tmp_path: Path) -> None:
    async def both() -> None:
        await mark.set(5_000.0)
        await asyncio.gather(mark.clear(mark.times_set), mark.set(6_000.0))

    asyncio.run(both())
    assert reopened(mark, tmp_path).since_s == 6_000.0 - MARGIN_S


@pytest.mark.parametrize("position", range(30))
def test_a_damaged_mark_means_as_long_ago_as_can_be(
    mark: Mark, tmp_path: Path, position: int
) -> None:
    asyncio.run(mark.set(1_700_000_000.0))
    path = tmp_path / "mark"
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)

    since_s = reopened(mark, tmp_path).since_s
    assert since_s in {0.0, 1_700_000_000.0 - MARGIN_S}


def test_a_mark_that_cannot_be_written_is_not_set(mark: Mark) -> None:
    mark.close()
    with pytest.raises(OSError, match="closed"):
        asyncio.run(mark.set(5_000.0))

    assert mark.is_failing
    assert mark.since_s is None


class HangingMark(Mark):
    """On a disk that hangs until it *is_free*."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.is_free = threading.Event()
        self.hanging = 0

    def set_since(self, since_s: float) -> None:
        """Hang, then set it."""
        self.hanging += 1
        self.is_free.wait()
        super().set_since(since_s)


def test_a_disk_that_hangs_holds_one_thread_however_many_calls_there_are(tmp_path: Path) -> None:
    mark = HangingMark(tmp_path)
    mark.open()

    async def call() -> None:
        calls = [asyncio.ensure_future(mark.set(5_000.0 - number)) for number in range(64)]
        await asyncio.sleep(0)
        calls[0].cancel()  # its deadline is over
        await asyncio.sleep(0)
        calls.append(asyncio.ensure_future(mark.set(6_000.0)))
        await asyncio.sleep(0)
        hanging = mark.hanging
        mark.is_free.set()
        await asyncio.gather(*calls[1:])
        assert (calls[0].cancelled(), hanging) == (True, 1)

    asyncio.run(call())
    assert reopened(mark, tmp_path).since_s == 5_000.0 - 63 - MARGIN_S


def test_a_disk_that_refuses_refuses_all_that_wait(mark: Mark) -> None:
    mark.close()

    async def call() -> list[object]:
        calls = [mark.set(5_000.0 + number) for number in range(3)]
        return list(await asyncio.gather(*calls, return_exceptions=True))

    assert [type(told) for told in asyncio.run(call())] == [OSError] * 3


def test_what_another_process_left_can_be_read(mark: Mark, tmp_path: Path) -> None:
    assert read_mark(tmp_path) is None
    asyncio.run(mark.set(5_000.0))
    assert read_mark(tmp_path) == 5_000.0 - MARGIN_S
    assert read_mark(tmp_path / "another") is None


def test_a_mark_that_another_process_left_and_that_cannot_be_read_is_not_taken_for_none(
    tmp_path: Path,
) -> None:
    (tmp_path / "mark").mkdir()
    with pytest.raises(IsADirectoryError):
        read_mark(tmp_path)


def test_a_mark_that_cannot_be_read_is_not_overwritten(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mark")  # can be opened, not read at a place
    mark = Mark(tmp_path)
    with pytest.raises(OSError, match="seek"):
        mark.open()
    with pytest.raises(OSError, match="closed"):
        asyncio.run(mark.set(5_000.0))

    assert not mark.is_known


def test_what_could_not_be_opened_is_opened_later_as_it_was_left(tmp_path: Path) -> None:
    left = Mark(tmp_path)
    left.open()
    left.set_since(5.0)
    left.close()
    (tmp_path / "mark").rename(tmp_path / "hidden")
    (tmp_path / "mark").mkdir()
    mark = Mark(tmp_path)
    mark.is_failing = True
    for attempt in (mark.open, mark.reopen):
        with pytest.raises(IsADirectoryError):
            attempt()

    (tmp_path / "mark").rmdir()
    (tmp_path / "hidden").rename(tmp_path / "mark")
    mark.reopen()
    mark.reopen()
    assert (mark.since_s, mark.is_known, mark.is_failing) == (5.0, True, False)
    mark.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file grows: a real one refuses with another number only."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_could_not_be_allocated_is_allocated_once_there_is_room(tmp_path: Path) -> None:
    mark = Mark(tmp_path)
    with full_disk():
        for attempt in (mark.open, mark.reopen):
            with pytest.raises(OSError, match="too large"):
                attempt()
    assert (mark.is_known, mark.is_allocated) == (True, False)

    mark.reopen()
    assert mark.is_allocated
    assert (tmp_path / "mark").stat().st_size == FILE_BYTES
    mark.close()


def test_the_drain_has_it_allocated(tmp_path: Path) -> None:
    async def call() -> None:
        async with bench(tmp_path) as it:
            mark = it.drain.mark = Mark(tmp_path)
            with full_disk(), pytest.raises(OSError, match="too large"):
                mark.open()
            await it.drain.step()
            assert mark.is_allocated
            mark.close()

    asyncio.run(call())


def test_a_mark_that_was_set_before_it_was_allocated_stays_set(tmp_path: Path) -> None:
    mark = Mark(tmp_path)
    with full_disk(), pytest.raises(OSError, match="too large"):
        mark.open()

    mark.set_since(5.0)
    mark.reopen()
    assert reopened(mark, tmp_path).since_s == 5.0
