"""How far the index says it has come: by whom it is told, and when it does not say."""

import asyncio

import pytest
from elasticsearch import AsyncElasticsearch

from runtime.errors import SinkUnavailable
from sinks.fields import to_control_index
from sinks.positions import read_positions, read_stored_positions, write_positions
from tests.sinks.away import create_away
from tests.sinks.cluster import Cluster

pytestmark = pytest.mark.stack

TOPIC, OTHER = "topic-a", "topic-b"


def test_without_a_control_index_nothing_is_remembered(cluster: Cluster) -> None:
    found = cluster.run(
        lambda client: read_positions(client, cluster.prefix, topic_id=TOPIC, partitions=3)
    )

    assert found == {}


def test_what_a_shard_that_is_away_remembers_is_not_nothing(cluster: Cluster) -> None:
    async def read(client: AsyncElasticsearch) -> None:
        await create_away(client, to_control_index(cluster.prefix))
        with pytest.raises(SinkUnavailable, match="no_shard_available"):
            await read_positions(client, cluster.prefix, topic_id=TOPIC, partitions=3)

    cluster.run(read)


def test_an_offset_of_another_incarnation_of_the_topic_is_none(cluster: Cluster) -> None:
    async def write(client: AsyncElasticsearch) -> None:
        prefix = cluster.prefix
        await write_positions(
            client, prefix, topic_id=TOPIC, epoch=3, offsets={0: 5, 2: 7}, seen={}
        )
        stored = await read_stored_positions(client, prefix, topic_id=OTHER, partitions=3)

        assert await read_positions(client, prefix, topic_id=TOPIC, partitions=3) == {0: 5, 2: 7}
        assert await read_positions(client, prefix, topic_id=OTHER, partitions=3) == {}
        assert {p: (each.epoch, each.offset) for p, each in stored.items()} == {
            0: (3, None),
            2: (3, None),
        }

    cluster.run(write)


def test_what_somebody_else_has_written_since_stays(cluster: Cluster) -> None:
    async def race(client: AsyncElasticsearch) -> None:
        prefix = cluster.prefix

        async def write(offsets: dict[int, int], seen: object) -> set[int]:
            return await write_positions(
                client,
                prefix,
                topic_id=TOPIC,
                epoch=1,
                offsets=offsets,
                seen=seen,  # type: ignore[arg-type]  # as it was read
            )

        await write({0: 5}, {})
        seen = await read_stored_positions(client, prefix, topic_id=TOPIC, partitions=2)
        lost = await asyncio.gather(write({0: 9, 1: 4}, seen), write({0: 6}, seen))
        found = await read_positions(client, prefix, topic_id=TOPIC, partitions=2)

        assert sorted(map(sorted, lost)) == [[], [0]]
        assert found == {0: 6 if lost[0] else 9, 1: 4}

    cluster.run(race)
