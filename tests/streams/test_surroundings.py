"""What a worker notices of its surroundings, and lets the index remember."""

from collections.abc import Iterator

import pytest
from elasticsearch import AsyncElasticsearch

from sinks.positions import StoredPosition, read_positions
from stack.choose import Servers
from streams.surroundings import Surroundings, is_restored, to_news
from streams.watchdog import Stalled
from tests.sinks.cluster import Cluster, open_cluster
from topics.creation import TopicState
from topics.names import TopicNames

PARTITIONS = 3
TOPIC, NEW_TOPIC = "topic-a", "topic-b"


def stored(epoch: int, offset: int | None) -> StoredPosition:
    return StoredPosition(epoch, offset, seq_no=0, primary_term=1)


def test_an_index_that_remembers_less_than_it_was_told_was_restored() -> None:
    assert is_restored({0: 5, 1: 7}, {0: 5, 1: 8})
    assert is_restored({}, {3: 1})


def test_an_index_that_remembers_as_much_or_more_was_not() -> None:
    assert not is_restored({0: 5, 1: 9}, {0: 5, 1: 8})
    assert not is_restored({}, {})


def test_only_what_is_beyond_what_the_index_remembers_is_news() -> None:
    there = {0: stored(2, 5), 1: stored(2, 5), 2: stored(2, 5)}

    assert to_news(there, {0: 4, 1: 5, 2: 6, 3: 0}, epoch=2) == {2: 6, 3: 0}


def test_a_new_epoch_or_a_new_topic_may_begin_below_and_an_older_epoch_may_say_nothing() -> None:
    there = {0: stored(2, 5), 1: stored(2, None)}

    assert to_news(there, {0: 4, 1: 0}, epoch=3) == {0: 4, 1: 0}
    assert to_news(there, {1: 0}, epoch=2) == {1: 0}
    assert to_news(there, {0: 9, 1: 9}, epoch=1) == {}


@pytest.fixture
def cluster(servers: Servers) -> Iterator[Cluster]:
    with open_cluster(servers.elasticsearch) as opened:
        yield opened


def open_worker(
    cluster: Cluster, client: AsyncElasticsearch, *, epoch: int = 1, topic_id: str = TOPIC
) -> Surroundings:
    snapshots = TopicNames(cluster.settings.topic_prefix).snapshots
    states = {snapshots: TopicState(topic_id, PARTITIONS)}
    return Surroundings(cluster.settings, client, epoch, states)


@pytest.mark.stack
def test_a_worker_that_was_paused_takes_nothing_back_from_the_one_after_it(
    cluster: Cluster,
) -> None:
    async def scenario(client: AsyncElasticsearch) -> dict[int, int]:
        paused, healthy = open_worker(cluster, client), open_worker(cluster, client)
        await paused.remember({0: 5})
        await healthy.remember({0: 9, 1: 4})
        await paused.remember({0: 6})  # it woke up, and does not know yet
        await healthy.remember({0: 9, 1: 4})  # or it would take the index for an older copy
        return await read_positions(client, cluster.prefix, topic_id=TOPIC, partitions=PARTITIONS)

    assert cluster.run(scenario) == {0: 9, 1: 4}


@pytest.mark.stack
def test_a_topic_that_was_created_anew_is_remembered_from_its_beginning(cluster: Cluster) -> None:
    async def scenario(client: AsyncElasticsearch) -> dict[int, int]:
        await open_worker(cluster, client).remember({0: 5, 1: 5})
        await open_worker(cluster, client, topic_id=NEW_TOPIC).remember({0: 1})
        return await read_positions(
            client, cluster.prefix, topic_id=NEW_TOPIC, partitions=PARTITIONS
        )

    assert cluster.run(scenario) == {0: 1}


@pytest.mark.stack
def test_an_index_that_has_lost_what_it_was_told_ends_the_worker(cluster: Cluster) -> None:
    async def scenario(client: AsyncElasticsearch) -> None:
        worker = open_worker(cluster, client)
        await worker.remember({0: 5})
        await client.indices.delete(index=f"control-{cluster.prefix}")
        with pytest.raises(Stalled, match="older copy"):
            await worker.remember({0: 6})

    cluster.run(scenario)
