import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runtime.errors import KafkaUnavailable, SinkUnavailable
from sinks.attribute_types import AttributeType
from sinks.backoff import Backoff
from sinks.batches import BatchFormer
from sinks.held import Held
from sinks.indexer import RECORDS_MAX_BYTES, Indexer
from sinks.memory import MemorySink
from sinks.writes import Answer, SinkRefused, Verdict, Write
from tests.sinks.examples import Acknowledged, FakeTime, snapshot
from topics.dead_letters import DeadLetters
from topics.memory import MemoryPublisher

ALIASES = ("quindex-fr_fr", "quindex-en_gb")
UNAVAILABLE = SinkUnavailable("elasticsearch: 503")
POISON = Answer(Verdict.DEAD, "document_parsing_exception", "400: no")
BUSY = Answer(Verdict.AGAIN, "es_rejected_execution_exception", "429: busy")
OK = Answer(Verdict.OK)


class Stage:
    """An indexer on a sink in memory, in its own time."""

    def __init__(
        self,
        *,
        documents_max: int = 10,
        held_documents_max: int = 20,
        sink: MemorySink | None = None,
        types: Mapping[str, AttributeType] | None = None,
    ) -> None:
        self.time = FakeTime()
        self.sink = sink or MemorySink(ALIASES)
        self.publisher = MemoryPublisher()
        self.acknowledged = Acknowledged()
        self.indexer = Indexer(
            sink=self.sink,
            dead_letters=DeadLetters(
                self.publisher, "quindex.dead-letters", "index", self.time.clock
            ),
            index_prefix="quindex",
            chains={"fr_FR": ("fr_FR",), "en_GB": ("en_GB", "fr_FR")},
            types=types or {},
            former=BatchFormer[Held](
                clock=self.time.clock,
                documents_max=documents_max,
                held_documents_max=held_documents_max,
            ),
            clock=self.time.clock,
            wall=self.time.clock,
            pause=self.time.pause,
            backoff=Backoff(random=lambda: 1.0),
        )

    async def take(self, code: str, version: int = 1, *, offset: int = 0) -> None:
        value = snapshot(code, version).to_json()
        await self.indexer.take(self.acknowledged.record(value, offset, key=code.encode()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.indexer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settled(self) -> None:
        """Return once nothing is held, or the indexer has had every chance."""
        for _ in range(1_000):
            if not self.indexer.held:
                break
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)


def with_stage(test: Callable[[Stage], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a stage of its own."""

    def run() -> None:
        async def main() -> None:
            await test(Stage())

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


@with_stage
async def test_a_snapshot_is_written_in_every_locale_then_acknowledged(stage: Stage) -> None:
    async with stage.running():
        await stage.take("a", offset=5)
        assert stage.acknowledged == []
        await stage.settled()

    assert stage.acknowledged == [5]
    assert stage.sink.of("quindex-fr_fr")["document:a"]["name"] == "Jupe courte jaune"
    assert stage.sink.of("quindex-en_gb")["document:a"]["name"] == "Short yellow skirt"
    assert stage.indexer.counts[Verdict.OK] == 2


@with_stage
async def test_a_null_deletes_nothing(stage: Stage) -> None:
    await stage.indexer.take(stage.acknowledged.record(None, 5))

    assert stage.acknowledged == [5]
    assert stage.sink.bulks == []


@with_stage
async def test_a_record_that_cannot_be_read_is_set_aside(stage: Stage) -> None:
    await stage.indexer.take(stage.acknowledged.record(b"{}", 5))

    assert stage.acknowledged == [5]
    assert [each.headers["reason"] for each in stage.publisher.records] == [b"malformed_record"]


class Broken(dict[str, AttributeType]):
    """Stands for a fault of ours that one resource brings to light."""

    def __bool__(self) -> bool:
        return True

    def get(self, *_: Any) -> Any:
        raise ZeroDivisionError


def test_a_resource_that_cannot_be_projected_is_set_aside() -> None:
    async def main() -> None:
        stage = Stage(types=Broken())
        await stage.take("a", offset=5)

        assert stage.acknowledged == [5]
        assert [each.headers["reason"] for each in stage.publisher.records] == [
            b"projection_failed"
        ]

    asyncio.run(main())


@with_stage
async def test_a_record_that_cannot_be_set_aside_is_not_acknowledged(stage: Stage) -> None:
    stage.publisher.failure = KafkaUnavailable("gone")

    with pytest.raises(KafkaUnavailable):
        await stage.indexer.take(stage.acknowledged.record(b"{}", 5))
    assert stage.acknowledged == []


@with_stage
async def test_a_stale_write_is_a_success(stage: Stage) -> None:
    async with stage.running():
        await stage.take("a", 2, offset=1)
        await stage.settled()
        await stage.take("a", 1, offset=2)
        await stage.settled()

    assert stage.acknowledged == [1, 2]
    assert stage.indexer.counts[Verdict.STALE] == 2
    assert stage.publisher.records == []


@with_stage
async def test_an_outage_is_waited_out(stage: Stage) -> None:
    stage.sink.failures = [UNAVAILABLE] * 12
    async with stage.running():
        await stage.take("a", offset=1)
        for _ in range(200):
            await asyncio.sleep(0)
        waits_for, acknowledged = stage.indexer.waits_for, list(stage.acknowledged)
        await stage.settled()

    assert (waits_for, acknowledged) == ("elasticsearch: 503", [])
    assert (stage.indexer.waits_for, stage.acknowledged) == (None, [1])
    assert max(stage.time.paused_s) <= 2


@with_stage
async def test_a_document_that_is_refused_for_now_is_written_again(stage: Stage) -> None:
    stage.sink.failures = [[OK, BUSY]]
    async with stage.running():
        await stage.take("a", offset=1)
        await stage.settled()

    assert [len(bulk) for bulk in stage.sink.bulks] == [2, 1]
    assert stage.acknowledged == [1]
    assert stage.indexer.counts == {Verdict.OK: 2, Verdict.AGAIN: 1}


@with_stage
async def test_poison_is_set_aside_once_and_stops_nothing_else(stage: Stage) -> None:
    stage.sink.failures = [[POISON, POISON, OK, OK]]
    async with stage.running():
        await stage.take("a", offset=1)
        await stage.take("b", offset=2)
        await stage.settled()

    assert sorted(stage.acknowledged) == [1, 2]
    assert [(each.key, each.headers["reason"]) for each in stage.publisher.records] == [
        (b"a", b"document_parsing_exception")
    ]


@with_stage
async def test_a_superseded_snapshot_is_acknowledged_with_its_successor(stage: Stage) -> None:
    await stage.take("a", 1, offset=1)
    await stage.take("a", 2, offset=2)
    async with stage.running():
        await stage.settled()

    assert sorted(stage.acknowledged) == [1, 2]
    assert [write.version for bulk in stage.sink.bulks for write in bulk] == [2, 2]


@with_stage
async def test_a_missing_alias_ends_the_stage_and_loses_nothing(stage: Stage) -> None:
    stage.sink.aliases = ("quindex-fr_fr",)
    await stage.take("a", offset=1)

    with pytest.raises(SinkRefused, match="quindex-en_gb"):
        await stage.indexer.run()
    assert stage.acknowledged == []
    assert stage.indexer.held == 1


@with_stage
async def test_a_fault_of_ours_ends_the_stage_and_loses_nothing(stage: Stage) -> None:
    stage.sink.failures = [RuntimeError("a bug")] * 2
    await stage.take("a", offset=1)

    with pytest.raises(RuntimeError, match="a bug"):
        await stage.indexer.run()
    assert stage.acknowledged == []
    assert stage.indexer.held == 2


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


class SlowSink(MemorySink):
    """Answers once its gate is open; tells how many documents are being written at once."""

    def __init__(self) -> None:
        super().__init__(ALIASES)
        self.gate = asyncio.Event()
        self.open_keys: list[tuple[str, str]] = []
        self.at_once_max = 0

    async def write(self, writes: Sequence[Write]) -> list[Answer]:
        keys = [write.key for write in writes]
        assert not set(keys) & set(self.open_keys)
        self.open_keys += keys
        self.at_once_max = max(self.at_once_max, len(self.open_keys))
        await asyncio.sleep(0)
        await self.gate.wait()
        for key in keys:
            self.open_keys.remove(key)
        return await super().write(writes)


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
