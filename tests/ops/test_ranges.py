"""Ranges of several partitions, read from the real Kafka."""

import asyncio
import time

import pytest

from ops.ranges import open_ranges
from stack.choose import Servers
from streams.publisher import KafkaPublisher
from tests.streams.test_end_offsets import create

pytestmark = pytest.mark.stack

WITHIN_S = 30.0
TURNS_MAX = 10  # of the event loop, from an assignment to the end


def test_a_reader_ends_also_right_after_another_assignment(servers: Servers) -> None:
    """Its end must not wait for a fetch that nobody asks for any more."""
    topic = create(servers.kafka)
    options = {"bootstrap_servers": servers.kafka}

    async def scenario() -> None:
        publisher = KafkaPublisher(options)
        await publisher.start()
        for partition in range(3):
            await publisher.append(topic, key=b"k", value=b"v", partition=partition)
        await publisher.stop()
        ranges = {(topic, partition): (0, 1) for partition in range(3)}
        for turns in range(TURNS_MAX):
            async with open_ranges(options, time.monotonic) as reader:
                records, is_whole = await reader.read(ranges, within_s=WITHIN_S)
                assert [each.value for each in records] == [b"v"] * 3
                assert is_whole
                await reader.offsets_since([(topic, 0)], 0.0)  # meanwhile the next fetch begins
                reader.consumer.assign([])
                for _ in range(turns):
                    await asyncio.sleep(0)

    async def is_over() -> bool:
        done, _ = await asyncio.wait({asyncio.create_task(scenario())}, timeout=WITHIN_S)
        return {task.exception() for task in done} == {None}

    assert asyncio.run(is_over())
