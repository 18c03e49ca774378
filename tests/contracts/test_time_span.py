"""Reading a time span, on a real broker whose retention overtakes the reader."""

import asyncio
import os
from contextlib import aclosing
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from stack.choose import Servers
from streams.time_span import read_span

pytestmark = pytest.mark.stack

COUNT = 20
VALUE_BYTES = 500_000  # the client holds about two at a time, so most are fetched later
WITHIN_S = 60


def test_where_retention_overtakes_it_it_goes_on_with_what_is_left(servers: Servers) -> None:
    topic = f"t{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    producer = KafkaProducer(bootstrap_servers=servers.kafka)
    found: list[int] = []

    async def read() -> None:
        span = read_span(
            topic, {"bootstrap_servers": servers.kafka}, since_s=0.0, if_missing=LookupError(topic)
        )
        async with asyncio.timeout(WITHIN_S), aclosing(span) as batches:
            async for records, _ in batches:
                if records and not found:
                    place = TopicPartition(topic, 0)
                    await asyncio.to_thread(admin.delete_records, {place: COUNT - 2})
                found.extend(record.offset for record in records)

    try:
        for _ in range(COUNT):
            producer.send(topic, value=os.urandom(VALUE_BYTES)).get(WITHIN_S)
        asyncio.run(read())
    finally:
        producer.close()
        admin.delete_topics([topic])
        admin.close()

    assert len(found) < COUNT
    assert found[-2:] == [COUNT - 2, COUNT - 1]
