"""A topic that Kafka refuses: its rows stay, hold up no other, and arrive once it is taken again."""

import asyncio
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ingress.accepted import Accepted, parse_row, to_current
from ingress.drain import ADOPT_PAUSE_S, BATCH_ROWS, RETRY_PAUSE_S
from ingress.homes import take_home
from ingress.refused import RefusedRows
from ingress.segments import SegmentWriter, list_segments
from tests.clock import FakeClock
from tests.ingress.examples import NAMES, to_accepted
from tests.ingress.test_drain import Bench, bench, run, store

LETTERS = NAMES.dead_letters


def letter(text: str) -> Accepted:
    return Accepted(LETTERS, None, text.encode(), {"reason": b"not_json"})


def letters(it: Bench) -> list[bytes | None]:
    return [record.value for record in it.kafka.of(LETTERS)]


def test_a_dead_letter_that_is_refused_holds_up_no_notification(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            await store(it.spool, [letter("1"), to_accepted("a"), letter("2"), to_accepted("b")])
            await it.drain_all()

            assert it.codes() == ["a", "b"]
            assert it.spool.used > 0
            it.kafka.refused.clear()
            await it.drain_all()
            assert letters(it) == []  # not before the pause is over
            it.clock.advance(RETRY_PAUSE_S)
            await it.drain_all()
            assert letters(it) == [b"1", b"2"]
            assert it.kafka.of(LETTERS)[0].headers == letter("1").headers
            assert it.spool.is_empty
            assert it.spool.list_sealed() == []

    run(test)


def test_it_says_nothing_of_kafka(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            for _ in range(it.breaker.failures_max):
                await store(it.spool, [letter("x")])
                await it.drain_all()
            was_open = [it.breaker.is_open]

            it.open_breaker()
            await store(it.spool, [letter("y"), to_accepted("a")])
            await it.drain.step()
            was_open.append(it.breaker.is_open)
            await it.drain_all()
            was_open.append(it.breaker.is_open)
            assert it.codes() == ["a"]

            it.open_breaker()
            await store(it.spool, [letter("z")])
            await it.drain_all()
            was_open.append(it.breaker.is_open)  # nothing is left to probe with
            assert was_open == [False, True, False, False]

    run(test)


def test_refused_again_and_again_it_stays(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            texts = [str(number) for number in range(2 * BATCH_ROWS)]
            await store(it.spool, [letter(text) for text in texts])
            for _ in range(3):
                await it.drain_all()
                it.clock.advance(RETRY_PAUSE_S)
            [segment] = it.spool.list_sealed()
            rows = [parse_row(piece.row or b"") for piece in segment.scan()]
            assert [row.value.decode() for row in rows] == texts

            it.kafka.refused.clear()
            await it.drain_all()
            assert letters(it) == [text.encode() for text in texts]
            assert it.spool.is_empty

    run(test)


def test_it_outlives_the_process(tmp_path: Path) -> None:
    async def refuse() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            await store(it.spool, [letter("1")])
            await it.drain_all()

    async def take() -> None:
        async with bench(tmp_path) as it:
            await it.drain_all()

            assert letters(it) == [b"1"]
            assert it.spool.is_empty

    run(refuse)
    run(take)


def test_out_of_an_adopted_folder_it_comes_to_our_own(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            gone = take_home(tmp_path)
            writer = SegmentWriter(gone.folder, it.clock)
            writer.append([letter("1").to_row(), to_accepted("a").to_row()])
            writer.seal()
            gone.release()
            it.clock.advance(ADOPT_PAUSE_S)
            await it.drain_all()
            assert it.codes() == ["a"]
            assert not gone.folder.exists()

            it.kafka.refused.clear()
            it.clock.advance(RETRY_PAUSE_S)
            await it.drain_all()
            assert letters(it) == [b"1"]

    run(test)


def test_what_is_damaged_is_kept_as_its_dead_letter(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            await store(it.spool, [to_accepted("a"), to_accepted("b")])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            data = bytearray(segment.path.read_bytes())
            data[20] ^= 1
            segment.path.write_bytes(data)
            await it.drain_all()
            assert it.codes() == ["b", "quindex.mark"]

            it.kafka.refused.clear()
            it.clock.advance(RETRY_PAUSE_S)
            await it.drain_all()
            [record] = it.kafka.of(LETTERS)
            assert record.headers["reason"] == b"spool_damaged"
            assert it.spool.is_empty

    run(test)


def test_where_the_disk_does_not_keep_it_it_stays_where_it_is(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            await store(it.spool, [letter("1")])
            await it.spool.seal()
            hidden = tmp_path / "hidden"
            it.open_breaker()
            reading = await it.drain._backlog.next(None)  # noqa: SLF001 (read before the disk fails)
            assert reading is not None
            it.spool.folder.rename(hidden)
            with pytest.raises(FileNotFoundError):
                await it.drain._send_batch(reading)  # noqa: SLF001 (same)
            assert not it.breaker.is_open  # calls are the probe
            hidden.rename(it.spool.folder)

            it.kafka.refused.clear()
            it.clock.advance(RETRY_PAUSE_S)
            await it.drain_all()
            assert letters(it) == [b"1"]

    run(test)


@dataclass
class Disk:
    """It keeps no row that is refused while it *is_full*."""

    is_full: bool = True

    def sync(self, descriptor: int) -> None:
        """Make it durable, or not."""
        if self.is_full:
            raise OSError(28, "No space left on device")
        os.fdatasync(descriptor)


def fill_disk(it: Bench) -> Disk:
    """Have the drain keep what is refused on a disk that is full."""
    disk = Disk()
    writer = SegmentWriter(it.spool.folder, it.clock, sync=disk.sync)
    it.drain._refused._writer = writer  # noqa: SLF001 (the spool's own segments are not to fail)
    return disk


async def drain_for_a_while(it: Bench) -> None:
    """Step as the process does, which goes on after an error."""
    for _ in range(20):
        with suppress(OSError):
            await it.drain.step()


def test_where_the_disk_does_not_keep_it_nothing_is_appended_twice_and_the_rest_is_drained(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            rows = [to_accepted("a"), to_accepted("b"), letter("1"), to_accepted("c")]
            await store(it.spool, rows)
            await it.spool.seal()
            await store(it.spool, [to_accepted("d")])
            disk = fill_disk(it)
            await drain_for_a_while(it)
            assert it.codes() == ["a", "b", "c", "d"]
            it.clock.advance(RETRY_PAUSE_S)
            await drain_for_a_while(it)
            assert it.codes() == ["a", "b", "c", "d"]
            disk.is_full = False

            it.clock.advance(RETRY_PAUSE_S)
            await it.drain_all()
            assert it.codes() == ["a", "b", "c", "d", "c"]
            it.kafka.refused.clear()
            it.clock.advance(RETRY_PAUSE_S)
            await it.drain_all()
            assert letters(it) == [b"1"]
            assert it.spool.is_empty

    run(test)


def test_where_the_disk_does_not_keep_it_an_adopted_folder_stays_until_it_does(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            gone = take_home(tmp_path)
            writer = SegmentWriter(gone.folder, it.clock)
            writer.append([to_accepted("a").to_row(), letter("1").to_row()])
            writer.seal()
            gone.release()
            disk = fill_disk(it)
            it.clock.advance(ADOPT_PAUSE_S)
            await drain_for_a_while(it)
            assert it.codes() == ["a"]
            assert len(list_segments(gone.folder)) == 1

            disk.is_full = False
            it.kafka.refused.clear()
            it.clock.advance(RETRY_PAUSE_S)
            await it.drain_all()
            assert letters(it) == [b"1"]
            assert it.codes() == ["a"]
            assert not gone.folder.exists()

    run(test)


def test_without_notifications_kafka_is_as_if_away(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[NAMES.notifications]) as it:
            await store(it.spool, [to_accepted("a"), to_accepted("b")])
            await it.mark.set(5_000.0)
            for _ in range(it.breaker.failures_max):
                assert not await it.drain.step()
            assert it.breaker.is_open

            it.kafka.refused.clear()
            it.clock.advance(it.breaker.pause_max_s)
            await it.drain_all()
            assert it.codes() == ["quindex.mark", "a", "b"]
            assert it.spool.is_empty

    run(test)


def test_a_row_from_before_a_change_of_the_prefix_goes_to_the_topic_of_now(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            old = [replace(to_accepted(code), topic="before.notifications") for code in "ab"]
            await store(it.spool, [*old, replace(letter("1"), topic="before.dead-letters")])
            await it.drain_all()

            assert it.codes() == ["a", "b"]
            assert letters(it) == [b"1"]
            assert {record.topic for record in it.kafka.records} == {NAMES.notifications, LETTERS}

    run(test)


@pytest.mark.parametrize("topic", [NAMES.notifications, "a.b.notifications", "unheard-of", ""])
def test_what_is_no_dead_letter_is_a_notification(topic: str) -> None:
    assert to_current(topic, NAMES) == NAMES.notifications


@pytest.mark.parametrize("topic", [LETTERS, "a.b.dead-letters"])
def test_a_dead_letter_stays_one(topic: str) -> None:
    assert to_current(topic, NAMES) == LETTERS


def test_the_oldest_is_let_go_first_and_the_next_rows_lie_apart_from_it(tmp_path: Path) -> None:
    refused = RefusedRows(tmp_path, FakeClock())
    refused.keep([b"1"])
    refused.release()
    refused.keep([b"2"])

    first, second = list_segments(tmp_path)
    assert refused.segments == {second}
    assert [piece.row for piece in first.scan()] == [b"1"]
    assert [piece.row for piece in second.scan()] == [b"2"]


class HangingDisk:
    """It makes nothing durable until it *is_free*."""

    def __init__(self) -> None:
        self.is_asked, self.is_free = threading.Event(), threading.Event()

    def sync(self, descriptor: int) -> None:
        """Hang, then make it durable."""
        self.is_asked.set()
        self.is_free.wait()
        os.fdatasync(descriptor)


def test_what_is_being_kept_is_not_drained_beside_that(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, refused=[LETTERS]) as it:
            disk = HangingDisk()
            writer = SegmentWriter(it.spool.folder, it.clock, sync=disk.sync)
            it.drain._refused._writer = writer  # noqa: SLF001 (only this segment is to hang)
            await store(it.spool, [letter("1")])
            step = asyncio.ensure_future(it.drain.step())
            await asyncio.to_thread(disk.is_asked.wait)
            step.cancel()  # as when the process ends
            reading = await it.drain._backlog.next(None)  # noqa: SLF001 (the real one would wait)
            segments = it.spool.list_sealed()
            untouched = it.drain._backlog.untouched(segments)  # noqa: SLF001 (same)
            disk.is_free.set()

            original, kept = segments
            assert (reading and reading.segment, untouched) == (original, [original])
            assert kept.size > 0

    run(test)


def test_with_nothing_to_let_go_nothing_happens(tmp_path: Path) -> None:
    refused = RefusedRows(tmp_path, FakeClock())
    refused.release()

    assert not refused.is_waiting


def test_where_nothing_can_be_written_nothing_counts_as_kept(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    refused = RefusedRows(folder, FakeClock())
    shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError):
        refused.keep([b"1"])

    assert refused.segments == set()
