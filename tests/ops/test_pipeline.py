"""What a worker compares as it starts."""

import asyncio

import pytest
from kafka.errors import KafkaTimeoutError

from ops.pipeline import check_partitions, read_states
from runtime.errors import KafkaUnavailable, MustRestart, Unreachable
from runtime.settings import Settings
from tests.streams.pim import Ends
from topics.creation import TopicState


def test_the_same_number_of_partitions_is_well() -> None:
    asyncio.run(check_partitions(Ends({0: 5, 1: 7}), 2, 2))


@pytest.mark.parametrize("seen", [(2, 3), (3, 2), (3, 3)])
def test_partitions_that_were_added_meanwhile_end_the_worker(seen: tuple[int, int]) -> None:
    with pytest.raises(MustRestart, match=r"\[2, 3\]"):
        asyncio.run(check_partitions(Ends({0: 5, 1: 7}), *seen))


def test_brokers_that_do_not_answer_are_named() -> None:
    ends = Ends(failure=KafkaUnavailable("no end offsets of t.notifications"))

    with pytest.raises(Unreachable, match="no end offsets"):
        asyncio.run(check_partitions(ends, 2, 2))


def test_brokers_that_go_away_before_the_topics_are_looked_at_are_named() -> None:
    settings = Settings(kafka="broker.example:9092")

    def describe(_settings: Settings) -> dict[str, TopicState]:
        raise KafkaTimeoutError("no broker within 30 s")

    with pytest.raises(Unreachable, match=r"Kafka at broker\.example:9092 does not answer"):
        asyncio.run(read_states(settings, describe))
