"""What a worker notices of its surroundings."""

import asyncio
from uuid import uuid4

import pytest
from elasticsearch import AsyncElasticsearch

from runtime.settings import Settings
from sinks.positions import write_positions
from stack.choose import Servers
from streams.surroundings import Surroundings, is_restored
from topics.creation import TopicState
from topics.names import TopicNames

PARTITIONS = 3


def test_an_index_that_remembers_less_than_it_was_told_was_restored() -> None:
    assert is_restored({0: 5, 1: 7}, {0: 5, 1: 8})
    assert is_restored({}, {3: 1})


def test_an_index_that_remembers_as_much_or_more_was_not() -> None:
    assert not is_restored({0: 5, 1: 9}, {0: 5, 1: 8})
    assert not is_restored({}, {})


@pytest.mark.stack
def test_an_index_that_remembers_nothing_of_a_partition_has_come_nowhere(servers: Servers) -> None:
    """It may have been restored from a copy that is older than its first memory."""
    prefix = f"remembers-{uuid4().hex[:8]}"
    settings = Settings(index_prefix=prefix, topic_prefix=prefix)
    states = {TopicNames(prefix).snapshots: TopicState("the-id", PARTITIONS)}

    async def scenario() -> None:
        async with AsyncElasticsearch(servers.elasticsearch) as client:
            surroundings = Surroundings(settings, client, 1, states)
            assert await surroundings.read_indexed() == {0: 0, 1: 0, 2: 0}
            await write_positions(client, prefix, topic_id="the-id", offsets={1: 7})
            assert await surroundings.read_indexed() == {0: 0, 1: 7, 2: 0}
            await write_positions(client, prefix, topic_id="another-id", offsets={1: 9})
            assert await surroundings.read_indexed() == {0: 0, 1: 0, 2: 0}

    asyncio.run(scenario())


def test_an_index_that_does_not_answer_says_nothing() -> None:
    async def scenario() -> None:
        async with AsyncElasticsearch("http://127.0.0.1:1", max_retries=0) as client:
            surroundings = Surroundings(
                Settings(topic_prefix="away"),
                client,
                1,
                {"away.snapshots": TopicState("the-id", PARTITIONS)},
            )
            assert await surroundings.read_indexed() == {}

    asyncio.run(scenario())
