"""What the index stage holds at most, and lets go of at a drop and a drain."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from sinks.indexer import RECORDS_MAX_BYTES
from sinks.memory import MemorySink
from sinks.writes import Answer, Verdict, Write
from tests.sinks.examples import snapshot
from tests.sinks.stage import ALIASES, BUSY, POISON, UNAVAILABLE, SlowSink, Stage, with_stage


@with_stage
async def test_a_full_stage_takes_no_more(stage: Stage) -> None:
    for number in range(10):
        await stage.take(str(number), offset=number)
    waiting = asyncio.create_task(stage.take("more", offset=10))
    for _ in range(50):
        await asyncio.sleep(0)

    assert not waiting.done()
    async with stage.running():
        await waiting
        await stage.settled()
    assert sorted(stage.acknowledged) == list(range(11))


@with_stage
async def test_what_was_dropped_is_not_written(stage: Stage) -> None:
    for number in range(10):
        await stage.take(str(number), offset=number)
    waiting = asyncio.create_task(stage.take("more", offset=10))
    await asyncio.sleep(0)
    stage.indexer.drop()
    await waiting

    assert stage.indexer.held == 0
    async with stage.running():
        await stage.take("again", offset=0)
        await stage.settled()
    assert stage.acknowledged == [0]
    assert {id_ for _, id_ in stage.sink.documents} == {"document:again"}


def test_large_records_fill_a_stage_whatever_becomes_of_them() -> None:
    async def main() -> None:
        stage = Stage()
        other_locale = {"attributes": {"a": {"de_DE": "x" * (RECORDS_MAX_BYTES // 2)}}}
        value = snapshot("large", resource=other_locale).to_json()
        for offset in range(2):
            await stage.indexer.take(stage.acknowledged.record(value, offset))
        waiting = asyncio.create_task(stage.take("more", offset=2))
        for _ in range(50):
            await asyncio.sleep(0)

        assert not waiting.done()
        async with stage.running():
            await waiting
            await stage.settled()
        assert sorted(stage.acknowledged) == [0, 1, 2]

    asyncio.run(main())


def test_what_is_being_written_at_a_drop_acknowledges_nothing() -> None:
    async def main() -> None:
        sink = SlowSink()
        stage = Stage(sink=sink)
        async with stage.running():
            await stage.take("a", offset=1)
            for _ in range(200):
                await asyncio.sleep(0)
            stage.indexer.drop()
            sink.gate.set()
            await stage.settled()

        assert stage.acknowledged == []
        assert len(sink.documents) == 2

    asyncio.run(main())


@pytest.mark.parametrize("answer", [Answer(Verdict.STALE), POISON])
def test_what_is_refused_after_a_drop_ends_nothing(answer: Answer) -> None:
    async def main() -> None:
        sink = SlowSink()
        sink.failures = [[answer] * 2]
        stage = Stage(sink=sink)
        async with stage.running():
            await stage.take("a", offset=1)
            for _ in range(200):
                await asyncio.sleep(0)
            stage.indexer.drop()
            sink.gate.set()
            await stage.settled()
            await stage.take("b", offset=2)
            await stage.settled()

        assert stage.acknowledged == [2]
        assert stage.publisher.records == []

    asyncio.run(main())


@with_stage
async def test_draining_writes_everything_at_once(stage: Stage) -> None:
    for number in range(3):
        await stage.take(str(number), offset=number)
    await stage.indexer.drain()

    assert stage.acknowledged == [0, 1, 2]
    assert stage.time.paused_s == []


@with_stage
async def test_draining_beside_the_running_stage_ends_when_nothing_is_held(stage: Stage) -> None:
    stage.sink.failures = [UNAVAILABLE]
    async with stage.running():
        await stage.take("a", offset=1)
        await stage.indexer.drain()

    assert stage.acknowledged == [1]


@with_stage
async def test_draining_gives_up_after_its_time(stage: Stage) -> None:
    stage.sink.failures = [UNAVAILABLE] * 1_000
    await stage.take("a", offset=1)
    await stage.indexer.drain()

    assert stage.acknowledged == []
    assert sum(stage.time.paused_s) == pytest.approx(10, abs=0.5)


def test_batches_shrink_while_the_sink_is_busy_and_grow_again() -> None:
    async def main() -> None:
        stage = Stage(documents_max=100, held_documents_max=1_000)
        stage.sink.failures = [UNAVAILABLE, UNAVAILABLE]
        for number in range(100):
            await stage.take(str(number), offset=number)
        async with stage.running():
            await stage.settled()

        sizes = [len(bulk) for bulk in stage.sink.bulks]
        assert sizes[0] == 100
        assert min(sizes) <= 50
        assert sorted(stage.acknowledged) == list(range(100))

    asyncio.run(main())


def test_two_bulks_are_in_flight_and_never_for_one_document() -> None:
    async def main() -> None:
        sink = SlowSink()
        sink.gate.set()
        stage = Stage(documents_max=2, held_documents_max=1_000, sink=sink)
        async with stage.running():
            for number in range(60):
                await stage.take(str(number % 7), number, offset=number)
            await stage.settled()

        assert sorted(stage.acknowledged) == list(range(60))
        assert sink.at_once_max == 4

    asyncio.run(main())


def test_an_id_that_is_too_long_for_elasticsearch_is_never_written() -> None:
    async def main() -> None:
        stage = Stage()
        async with stage.running():
            await stage.take("x" * 600, offset=1)
            await stage.settled()

        writes: list[Write] = [write for bulk in stage.sink.bulks for write in bulk]
        assert stage.acknowledged == [1]
        assert {len(write.id) for write in writes} == {64}

    asyncio.run(main())


class BusySink(MemorySink):
    """For a minute refuses three documents in ten, or everything."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__(ALIASES)
        self.whole = whole
        self.busy_until_s = 0.0
        self.now_s: Callable[[], float] = lambda: 0.0
        self.count = 0

    async def write(self, writes: Sequence[Write]) -> list[Answer]:
        if self.now_s() >= self.busy_until_s:
            return await super().write(writes)
        if self.whole:
            raise UNAVAILABLE
        answers = []
        for write in writes:
            self.count += 1
            answers += [BUSY] if self.count % 10 < 3 else await super().write([write])
        return answers


@pytest.mark.parametrize("whole", [False, True])
def test_nothing_is_late_by_more_than_the_outage_and_a_little(whole: bool) -> None:  # pytest's
    async def main() -> None:
        sink = BusySink(whole=whole)
        stage = Stage(documents_max=100, held_documents_max=2_000, sink=sink)
        sink.now_s = stage.time.clock
        started_s = stage.time.clock()
        sink.busy_until_s = started_s + 60
        async with stage.running():
            for number in range(500):
                await stage.take(str(number), offset=number)
            for _ in range(100):
                await stage.settled()

        assert sorted(stage.acknowledged) == list(range(500))
        assert stage.publisher.records == []
        assert stage.time.clock() - started_s < (65 if whole else 20)

    asyncio.run(main())
