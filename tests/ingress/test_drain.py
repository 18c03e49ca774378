"""What the spool and the mark hold reaches Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from ingress.accepted import Accepted
from ingress.breaker import Breaker
from ingress.drain import ADOPT_PAUSE_S, BATCH_ROWS, Drain
from ingress.homes import take_home
from ingress.mark import MARGIN_S, Mark
from ingress.segments import SegmentWriter
from ingress.spool import Spool
from pim.notifications import Meaning, parse_notification
from runtime.errors import KafkaUnavailable
from tests.clock import FakeClock
from tests.ingress.doubles import Kafka
from tests.ingress.examples import NAMES, to_accepted
from topics.notifications import parse_since_s


@dataclass
class Bench:
    """A drain over a fake Kafka and real files."""

    kafka: Kafka
    spool: Spool
    mark: Mark
    breaker: Breaker
    drain: Drain
    clock: FakeClock
    is_ready: bool = True

    async def drain_all(self) -> None:
        """Step until nothing moves."""
        while await self.drain.step():
            pass

    def codes(self) -> list[str]:
        """The resource codes that Kafka has, in order."""
        return [
            parse_notification(record.value or b"").code
            for record in self.kafka.of(NAMES.notifications)
        ]

    def open_breaker(self) -> None:
        """As after an outage: open, and the pause is over."""
        for _ in range(self.breaker.failures_max):
            self.breaker.failed(self.clock())
        self.clock.advance(self.breaker.pause_s)


@asynccontextmanager
async def bench(
    root: Path,
    *,
    cap_bytes: int = 10**9,
    spool_type: type[Spool] = Spool,
    refused: Collection[str] = (),
) -> AsyncIterator[Bench]:
    clock = FakeClock()
    home = take_home(root)
    kafka, breaker = Kafka(refused=set(refused)), Breaker()
    spool, mark = spool_type(home.folder, clock=clock, cap_bytes=cap_bytes), Mark(home.folder)
    with suppress(OSError):
        mark.open()
    await spool.open()
    drain = Drain(
        publisher=kafka,
        is_ready=lambda: it.is_ready,
        spool=spool,
        mark=mark,
        breaker=breaker,
        names=NAMES,
        root=root,
        monotonic=clock,
        clock=clock,
    )
    it = Bench(kafka, spool, mark, breaker, drain, clock)
    try:
        yield it
    finally:
        await drain.finish(0.1)
        await spool.close()
        mark.close()
        home.release()


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


async def store(spool: Spool, accepted: Sequence[Accepted]) -> None:
    for one in accepted:
        await spool.store(one)


def test_rows_arrive_oldest_first_and_nothing_is_left(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a"), to_accepted("b")])
            await it.spool.seal()
            await store(it.spool, [to_accepted("c")])
            await it.drain_all()

            assert it.codes() == ["a", "b", "c"]
            assert it.kafka.records[0].headers == to_accepted("a").headers
            assert it.spool.is_empty
            assert it.spool.list_sealed() == []

    run(test)


def test_many_rows_arrive_in_batches(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            codes = [str(number) for number in range(2 * BATCH_ROWS + 1)]
            await asyncio.gather(*(it.spool.store(to_accepted(code)) for code in codes))
            await it.drain_all()

            assert it.codes() == codes
            assert it.spool.is_empty

    run(test)


def test_rows_that_fail_stay(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a"), to_accepted("b")])
            it.kafka.failure = KafkaUnavailable("away")
            assert not await it.drain.step()
            assert not it.spool.is_empty

            it.kafka.failure = None
            await it.drain_all()
            assert it.codes() == ["a", "b"]

    run(test)


def test_after_a_failure_rows_go_one_at_a_time_at_first(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted(str(number)) for number in range(4)])
            it.kafka.failure = KafkaUnavailable("away")
            await it.drain.step()
            it.kafka.failure = None

            arrived = []
            while await it.drain.step():
                arrived.append(len(it.kafka.records))
            assert arrived[:3] == [1, 3, 4]

    run(test)


def test_a_drain_that_is_cut_off_forgets_no_row(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted(code) for code in "abc"])
            it.kafka.is_stuck = True
            draining = asyncio.create_task(it.drain.run())
            async with asyncio.timeout(5):
                while not it.kafka.waiting:  # noqa: ASYNC110 (no event says so)
                    await asyncio.sleep(0.001)
            draining.cancel()
            await asyncio.wait([draining])
            it.kafka.is_stuck = False
            await it.drain.finish(5)

            assert it.codes() == ["a", "b", "c"]
            assert it.spool.is_empty

    run(test)


def test_a_disk_that_takes_no_note_is_drained_all_the_same(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted(code) for code in "abc"])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            segment.path.with_suffix(".done").mkdir()
            await it.drain_all()

            assert it.codes() == ["a", "b", "c"]
            assert it.spool.is_empty
            assert it.spool.list_sealed() == []

    run(test)


def test_before_kafka_was_found_nothing_is_tried(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            it.is_ready = False
            await store(it.spool, [to_accepted("a")])
            await it.drain_all()

            assert it.kafka.records == []

    run(test)


def test_an_open_breaker_is_probed_with_one_row_and_closed_by_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a"), to_accepted("b")])
            it.open_breaker()
            it.kafka.failure = KafkaUnavailable("away")
            assert not await it.drain.step()

            it.kafka.failure = None
            await it.drain_all()
            assert it.kafka.records == []  # the pause is not over
            it.clock.advance(it.breaker.pause_max_s)
            await it.drain.step()
            assert it.codes() == ["a"]
            await it.drain_all()
            assert not it.breaker.is_open
            assert it.codes() == ["a", "b"]

    run(test)


def test_an_open_breaker_with_nothing_to_probe_with_closes(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            it.open_breaker()
            await it.drain.step()

            assert not it.breaker.is_open

    run(test)


def test_a_damaged_row_costs_itself_and_is_made_up_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted(code) for code in "abc"])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            second = list(segment.scan())[1]
            data = bytearray(segment.path.read_bytes())
            data[second.start + 20] ^= 1
            segment.path.write_bytes(data)
            await it.drain_all()

            assert it.codes() == ["a", "c", "quindex.mark"]
            [letter] = it.kafka.of(NAMES.dead_letters)
            assert letter.value == bytes(data[second.start : second.end])
            assert letter.headers["reason"] == b"spool_damaged"
            assert it.mark.since_s is None
            assert it.spool.is_empty

    run(test)


def test_a_mark_becomes_a_notification_and_is_forgotten(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await it.mark.set(5_000.0)
            await it.drain_all()

            [record] = it.kafka.records
            assert record.key == b"quindex.mark"
            assert record.headers["source"] == b"mark"
            assert record.value is not None
            assert parse_since_s(record.value) == 5_000.0 - MARGIN_S
            assert parse_notification(record.value).meaning is Meaning.MARK
            assert it.mark.since_s is None

    run(test)


def test_a_mark_that_does_not_arrive_stays(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await it.mark.set(5_000.0)
            it.kafka.failure = KafkaUnavailable("away")
            await it.drain_all()

            assert it.mark.since_s is not None

    run(test)


def test_what_the_topic_does_not_take_is_set_aside_and_holds_up_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            it.kafka.value_max_bytes = 100
            await store(it.spool, [Accepted(NAMES.notifications, b"a", bytes(5_000))])
            await store(it.spool, [to_accepted("b")])
            await it.drain_all()

            assert it.codes() == ["b"]
            [letter] = it.kafka.of(NAMES.dead_letters)
            assert len(letter.value or b"") <= 100
            assert it.spool.is_empty

    run(test)


def test_what_a_dead_process_left_is_adopted(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            gone = take_home(tmp_path)
            writer = SegmentWriter(gone.folder, it.clock)
            writer.append([to_accepted("left").to_row()])
            writer.seal()
            mark = Mark(gone.folder)
            mark.open()
            mark.set_since(123.0)
            mark.close()
            await it.drain_all()
            assert it.kafka.records == []  # it lives

            gone.release()
            it.clock.advance(ADOPT_PAUSE_S)
            await it.drain_all()
            assert sorted(it.codes()) == ["left", "quindex.mark"]
            assert not gone.folder.exists()

    run(test)


def test_a_spool_that_fills_up_coalesces_while_kafka_is_away(tmp_path: Path) -> None:
    async def test() -> None:
        row_bytes = len(to_accepted("a").to_row()) + 12
        async with bench(tmp_path, cap_bytes=row_bytes * 11) as it:
            await store(it.spool, [to_accepted("a")] * 10)
            await it.spool.seal()
            it.open_breaker()
            it.breaker.probe_failed(it.clock())
            assert not await it.drain.step()

            assert it.spool.used < 0.1
            it.breaker.close()
            await it.drain_all()
            assert it.codes() == ["a"]

    run(test)


def test_the_drain_goes_on_until_it_is_stopped(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a")])
            draining = asyncio.create_task(it.drain.run())
            async with asyncio.timeout(5):
                while not it.spool.is_empty:  # noqa: ASYNC110 (no event says so)
                    await asyncio.sleep(0)
            draining.cancel()

            assert it.codes() == ["a"]
            assert orjson.loads(it.kafka.records[0].value or b"")["uuid"] == "u"

    run(test)
