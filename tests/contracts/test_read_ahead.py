"""Reading ahead, on a real broker: from an offset on, then what comes; nothing is committed."""

import asyncio
from contextlib import aclosing
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from stack.choose import Servers
from streams.read_ahead import read_ahead

pytestmark = pytest.mark.stack

COUNT = 20
FROM = 5
WITHIN_S = 60


def test_it_goes_on_with_what_is_appended_later(servers: Servers) -> None:
    topic = f"t{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    producer = KafkaProducer(bootstrap_servers=servers.kafka)
    found: list[tuple[int, bytes | None, dict[str, bytes]]] = []

    def append(first: int, count: int) -> None:
        for number in range(first, first + count):
            producer.send(topic, key=b"k", value=b"%d" % number, headers=[("source", b"x")])
        producer.flush(timeout=WITHIN_S)

    async def read() -> None:
        async with (
            asyncio.timeout(WITHIN_S),
            aclosing(read_ahead(topic, {"bootstrap_servers": servers.kafka}, FROM)) as batches,
        ):
            has_more = False
            async for batch in batches:
                found.extend((each.offset, each.value, dict(each.headers)) for each in batch)
                if found and found[-1][0] == COUNT - 1 and not has_more:
                    await asyncio.to_thread(append, COUNT, 1)
                    has_more = True
                if found and found[-1][0] == COUNT:
                    return

    try:
        append(0, COUNT)
        asyncio.run(read())
    finally:
        producer.close()
        admin.delete_topics([topic])
        admin.close()

    expected = [(n, b"%d" % n, {"source": b"x"}) for n in range(FROM, COUNT + 1)]
    assert found == expected
