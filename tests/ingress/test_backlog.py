"""A disk that refuses: nothing is lost, and nothing is appended for ever."""

import asyncio
from pathlib import Path

import pytest

from ingress.accepted import Accepted
from ingress.homes import adopt_home, take_home
from ingress.mark import MARGIN_S
from ingress.segments import SegmentWriter
from ingress.spool import SpoolUnavailable
from runtime.errors import KafkaUnavailable
from runtime.metrics import REGISTRY
from tests.clock import FakeClock
from tests.ingress.examples import NAMES, to_accepted
from tests.ingress.test_adoption import leave
from tests.ingress.test_drain import Bench, bench, run, store
from topics.notifications import parse_since_s


def test_where_the_disk_takes_no_note_nothing_is_appended_or_counted_twice(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            away = KafkaUnavailable("away")
            await store(it.spool, [to_accepted(code) for code in "ab"])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            segment.path.with_suffix(".done").mkdir()
            await store(it.spool, [to_accepted("c")])
            for failure in (away, None, away):
                it.kafka.failure = failure
                await it.drain.step()
            assert it.codes() == ["a"]

            it.kafka.failure = None
            await it.drain.step()
            await it.drain.step()
            assert it.codes() == ["a", "b"]
            assert not it.spool.is_empty
            await it.drain_all()
            assert it.codes() == ["a", "b", "c"]
            assert it.spool.is_empty

    run(test)


def test_rows_that_were_not_counted_are_drained_all_the_same(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a")])
            it.spool.count(-1, -(10**6))
            await it.drain_all()

            assert it.codes() == ["a"]

    run(test)


def block(path: Path) -> bytes:
    """Put what can be neither read nor deleted in a file's place; return what was in the file."""
    content = path.read_bytes()
    path.unlink()
    path.mkdir()
    (path / "kept").touch()
    return content


def unblock(path: Path, content: bytes) -> None:
    """Put the file back."""
    (path / "kept").unlink()
    path.rmdir()
    path.write_bytes(content)


async def drain_undeletable(it: Bench, segment: Path, code: str) -> bytes:
    """Drain all, with a disk that keeps the segment, in which *code* lies; return its content."""
    while code not in it.codes():
        await it.drain.step()
    content = block(segment)
    await it.drain_all()
    return content


def test_a_drained_segment_that_cannot_be_deleted_holds_up_nothing_and_is_not_drained_again(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a")])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            await store(it.spool, [to_accepted("b")])
            content = await drain_undeletable(it, segment.path, "a")
            assert it.codes() == ["a", "b"]

            unblock(segment.path, content)
            await it.drain_all()
            assert it.codes() == ["a", "b"]
            assert it.spool.list_sealed() == []

    run(test)


def test_an_adopted_segment_that_cannot_be_deleted_keeps_its_folder_locked(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            folder = leave(tmp_path)
            [segment] = folder.glob("*.log")
            await drain_undeletable(it, segment, "left")
            it.clock.advance(1_000)
            await it.drain_all()
            assert it.codes().count("left") == 1
            assert adopt_home(tmp_path) is None

    run(test)
    adopted = adopt_home(tmp_path)
    assert adopted is not None
    adopted.release()


def test_a_row_that_the_disk_holds_up_does_not_bring_those_before_it_again(tmp_path: Path) -> None:
    before = [to_accepted(code) for code in "abcdef"]
    rows = [*before, Accepted(NAMES.notifications, b"large", bytes(400))]
    cap_bytes = sum(len(row.to_row()) + 12 for row in rows)

    async def test() -> None:
        async with bench(tmp_path, cap_bytes=cap_bytes) as it:
            await store(it.spool, rows)
            it.kafka.value_max_bytes = 100
            with pytest.raises(SpoolUnavailable):
                await it.drain.step()
            assert it.codes() == list("abcdef")

            await it.drain_all()
            assert it.codes() == list("abcdef")
            assert len(it.kafka.of(NAMES.dead_letters)) == 1
            assert it.spool.is_empty

    run(test)


def test_a_segment_that_cannot_be_read_starves_no_other_and_is_made_up_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            for code in "ab":
                await store(it.spool, [to_accepted(code)])
                await it.spool.seal()
                it.clock.advance(1)
            segment, _ = it.spool.list_sealed()
            block(segment.path)
            it.open_breaker()
            await it.drain_all()

            assert not it.breaker.is_open
            assert it.codes() == ["b", "quindex.mark"]
            [mark] = [record for record in it.kafka.records if record.key == b"quindex.mark"]
            assert parse_since_s(mark.value or b"") == segment.created_s - MARGIN_S
            assert it.spool.list_sealed() == [segment]

    run(test)


def test_what_is_being_drained_is_not_coalesced(tmp_path: Path) -> None:
    row_bytes = len(to_accepted("a").to_row()) + 12

    async def test() -> None:
        async with bench(tmp_path, cap_bytes=row_bytes * 11) as it:
            await store(it.spool, [to_accepted("a")] * 9 + [to_accepted("b")])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            segment.path.with_suffix(".done").mkdir()  # so only in memory it is known how far
            it.open_breaker()
            await it.drain.step()
            it.open_breaker()
            it.breaker.probe_failed(it.clock())
            await it.drain.step()
            it.breaker.close()
            await it.drain_all()

            assert it.codes() == ["a"] * 9 + ["b"]
            assert it.spool.is_empty

    run(test)


def test_what_another_process_left_is_coalesced_once_it_is_counted(tmp_path: Path) -> None:
    row_bytes = len(to_accepted("a").to_row()) + 12
    home = take_home(tmp_path)
    writer = SegmentWriter(home.folder, FakeClock())
    writer.append([to_accepted("a").to_row()] * 10)
    writer.seal()
    home.release()

    async def test() -> None:
        async with bench(tmp_path, cap_bytes=row_bytes * 11) as it:
            it.is_ready = False
            async with asyncio.timeout(5):
                while it.spool.used > 0.5:
                    await asyncio.sleep(0)
                    assert not await it.drain.step()
            assert REGISTRY.get_sample_value("quindex_spool_rows") == 1

    run(test)


def test_a_spool_that_could_not_be_coalesced_is_not_tried_again_at_once(tmp_path: Path) -> None:
    row_bytes = len(to_accepted("a").to_row()) + 12

    async def test() -> None:
        async with bench(tmp_path, cap_bytes=row_bytes * 21) as it:
            await store(it.spool, [to_accepted("a")] * 17)
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            content = block(segment.path)
            it.is_ready = False
            await it.drain.step()
            unblock(segment.path, content)
            used = it.spool.used
            await it.drain.step()
            assert it.spool.used == used

            await store(it.spool, [to_accepted("a")] * 2)
            await it.drain.step()
            assert it.spool.used < used

    run(test)


def test_a_segment_that_can_be_neither_read_nor_made_up_for_is_tried_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a")])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            content = block(segment.path)
            it.mark.close()
            await it.drain_all()
            it.mark.open()
            unblock(segment.path, content)
            await it.drain_all()

            assert it.codes() == ["a"]
            assert it.spool.list_sealed() == []

    run(test)


def test_a_mark_that_could_not_be_opened_holds_up_what_is_damaged_until_it_can_be(
    tmp_path: Path,
) -> None:
    home = take_home(tmp_path)
    (home.folder / "mark").mkdir()
    home.release()

    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a"), to_accepted("b")])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            data = bytearray(segment.path.read_bytes())
            data[20] ^= 1
            segment.path.write_bytes(data)
            with pytest.raises(OSError, match="closed"):
                await it.drain.step()

            (it.spool.folder / "mark").rmdir()
            await it.drain_all()
            assert set(it.codes()) == {"b", "quindex.mark"}
            assert it.spool.is_empty
            assert it.mark.is_known

    run(test)


def test_an_adopted_segment_that_cannot_be_read_keeps_its_folder(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            folder = leave(tmp_path)
            [segment] = folder.glob("*.log")
            block(segment)
            await it.drain_all()
            it.clock.advance(1_000)
            await it.drain_all()

            assert set(it.codes()) == {"quindex.mark"}
            assert segment.exists()
            assert adopt_home(tmp_path) is None

    run(test)


def test_a_process_starts_where_a_segment_cannot_be_read(tmp_path: Path) -> None:
    [segment] = leave(tmp_path).glob("*.log")
    block(segment)

    async def test() -> None:
        async with bench(tmp_path) as it:
            assert it.spool.folder == segment.parent
            await it.drain_all()
            assert set(it.codes()) == {"quindex.mark"}

    run(test)
