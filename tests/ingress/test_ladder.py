"""The first rung that holds."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from ingress.accepted import Accepted
from ingress.breaker import Breaker
from ingress.ladder import HEAD_BYTES, Ladder, Rung
from runtime.errors import KafkaUnavailable
from tests.clock import FakeClock
from tests.ingress.doubles import Kafka, MemoryMark, MemorySpool
from tests.ingress.examples import NAMES, to_accepted


@dataclass
class Rungs:
    """A ladder over fakes; its deadlines are short, since what is stuck is waited for."""

    kafka: Kafka = field(default_factory=Kafka)
    spool: MemorySpool = field(default_factory=MemorySpool)
    mark: MemoryMark = field(default_factory=MemoryMark)
    breaker: Breaker = field(default_factory=Breaker)
    is_ready: bool = True

    def store(self, accepted: Accepted) -> Rung:
        """Store it, and say where."""
        return asyncio.run(self.ladder().store(accepted))

    def ladder(self, *, kafka_deadline_s: float = 0.01) -> Ladder:
        """Return the ladder."""
        return Ladder(
            publisher=self.kafka,
            is_ready=lambda: self.is_ready,
            spool=self.spool,
            mark=self.mark,
            breaker=self.breaker,
            names=NAMES,
            monotonic=FakeClock(),
            clock=FakeClock(77.0),
            kafka_deadline_s=kafka_deadline_s,
            spool_deadline_s=kafka_deadline_s + 0.02,
            mark_deadline_s=kafka_deadline_s + 0.04,
        )


@pytest.fixture
def rungs() -> Rungs:
    return Rungs()


def test_kafka_has_it_as_it_is(rungs: Rungs) -> None:
    accepted = to_accepted("a")
    assert rungs.store(accepted) is Rung.KAFKA

    [record] = rungs.kafka.records
    assert (record.topic, record.key, record.value) == (
        accepted.topic,
        accepted.key,
        accepted.value,
    )
    assert record.headers == accepted.headers
    assert rungs.spool.accepted == []


@pytest.mark.parametrize("trouble", ["failure", "is_stuck"])
def test_a_kafka_that_fails_or_hangs_leaves_it_to_the_spool(rungs: Rungs, trouble: str) -> None:
    setattr(rungs.kafka, trouble, KafkaUnavailable("away") if trouble == "failure" else True)

    assert rungs.store(to_accepted("a")) is Rung.SPOOL
    assert rungs.spool.accepted == [to_accepted("a")]


def test_a_defect_of_a_rung_leaves_it_to_the_next(rungs: Rungs) -> None:
    rungs.kafka.failure = ZeroDivisionError("a defect")
    assert rungs.store(to_accepted("a")) is Rung.SPOOL

    rungs.spool.defect = ZeroDivisionError("another")
    assert rungs.store(to_accepted("b")) is Rung.MARK


def test_when_the_breaker_opens_nobody_goes_on_waiting(rungs: Rungs) -> None:
    rungs.kafka.is_stuck = True
    rungs.breaker.failures_max = 1
    ladder = rungs.ladder(kafka_deadline_s=30.0)

    async def test() -> list[Rung]:
        waiting = [asyncio.create_task(ladder.store(to_accepted(code))) for code in "abc"]
        while rungs.kafka.waiting < len(waiting):  # noqa: ASYNC110 (no event says so)
            await asyncio.sleep(0)
        ladder.kafka_deadline_s = 0.01
        first = await ladder.store(to_accepted("d"))
        async with asyncio.timeout(5):
            return [first, *await asyncio.gather(*waiting)]

    assert asyncio.run(test()) == [Rung.SPOOL] * 4


def test_calls_whose_time_ends_at_once_all_reach_the_spool(rungs: Rungs) -> None:
    rungs.kafka.is_stuck = True
    ladder = rungs.ladder(kafka_deadline_s=0.0)

    async def test() -> list[Rung]:
        return await asyncio.gather(*(ladder.store(to_accepted(str(it))) for it in range(50)))

    assert asyncio.run(test()) == [Rung.SPOOL] * 50


def test_after_failures_in_a_row_kafka_is_not_tried(rungs: Rungs) -> None:
    rungs.kafka.failure = KafkaUnavailable("away")
    for _ in range(rungs.breaker.failures_max):
        rungs.store(to_accepted("a"))
    assert rungs.breaker.is_open

    rungs.kafka.failure = None
    assert rungs.store(to_accepted("b")) is Rung.SPOOL
    assert rungs.kafka.records == []


def test_before_kafka_was_found_the_spool_has_it_and_nothing_failed(rungs: Rungs) -> None:
    rungs.is_ready = False
    for _ in range(9):
        assert rungs.store(to_accepted("a")) is Rung.SPOOL

    assert not rungs.breaker.is_open


@pytest.mark.parametrize("trouble", ["is_failing", "is_stuck"])
def test_without_a_disk_the_mark_covers_it(rungs: Rungs, trouble: str) -> None:
    rungs.kafka.failure = KafkaUnavailable("away")
    setattr(rungs.spool, trouble, True)

    assert rungs.store(to_accepted("a")) is Rung.MARK
    assert rungs.mark.times_s == [77.0]


@pytest.mark.parametrize("trouble", ["is_failing", "is_stuck"])
def test_where_nothing_holds_it_is_nowhere(rungs: Rungs, trouble: str) -> None:
    rungs.kafka.failure = KafkaUnavailable("away")
    rungs.spool.is_failing = True
    setattr(rungs.mark, trouble, True)

    assert rungs.store(to_accepted("a")) is Rung.NOWHERE


def test_what_the_topic_does_not_take_is_spooled_as_a_dead_letter(rungs: Rungs) -> None:
    rungs.kafka.value_max_bytes = HEAD_BYTES
    large = Accepted(NAMES.notifications, b"a", b"x" * (3 * HEAD_BYTES))
    assert rungs.store(large) is Rung.SPOOL

    [accepted] = rungs.spool.accepted
    assert accepted.topic == NAMES.dead_letters
    assert accepted.value == b"x" * HEAD_BYTES
    assert accepted.headers["reason"] == b"record_too_large"
    assert not rungs.breaker.is_open


@pytest.mark.parametrize("topic", [NAMES.dead_letters, NAMES.notifications])
def test_only_where_notifications_are_refused_kafka_is_given_up(rungs: Rungs, topic: str) -> None:
    rungs.kafka.refused.add(topic)
    accepted = replace(to_accepted("a"), topic=topic)
    for _ in range(rungs.breaker.failures_max):
        assert rungs.store(accepted) is Rung.SPOOL

    assert rungs.spool.accepted == [accepted] * rungs.breaker.failures_max
    assert rungs.breaker.is_open is (topic == NAMES.notifications)
