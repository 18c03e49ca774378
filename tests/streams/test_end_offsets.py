"""How far the partitions of a topic reach, on the real Kafka."""

import asyncio
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient

from runtime.errors import KafkaUnavailable
from stack.choose import Servers
from streams.end_offsets import KafkaEndOffsets
from streams.publisher import KafkaPublisher

pytestmark = pytest.mark.stack


def create(bootstrap: str) -> str:
    """Return the name of a new topic with three partitions."""
    topic = f"ends-{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics(
            {topic: {"num_partitions": 3, "replication_factor": 1}}, wait_for_metadata=True
        )
    finally:
        admin.close()
    return topic


def test_a_record_counts_as_soon_as_it_is_stored(servers: Servers) -> None:
    topic = create(servers.kafka)
    options = {"bootstrap_servers": servers.kafka}

    async def scenario() -> None:
        ends, publisher = KafkaEndOffsets(topic, options), KafkaPublisher(options)
        await ends.start()
        await publisher.start()
        try:
            assert await ends.read() == {0: 0, 1: 0, 2: 0}
            for number in range(1, 20):
                offset = await publisher.append(topic, key=b"k", value=b"v", partition=1)
                found = await ends.read()
                assert (offset, found) == (number - 1, {0: 0, 1: number, 2: 0})
        finally:
            await ends.stop()
            await publisher.stop()

    asyncio.run(scenario())


def test_a_topic_that_is_missing_is_named(servers: Servers) -> None:
    async def scenario() -> None:
        ends = KafkaEndOffsets("no-such-topic", {"bootstrap_servers": servers.kafka})
        with pytest.raises(KafkaUnavailable, match="no-such-topic"):
            await ends.start()
        await ends.stop()

    asyncio.run(scenario())
