"""Reads a partition from an offset on, for ever, beside the consumer group."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from topics.records import Received

_WAIT_MAX_MS: Final = 200
_RECORDS_MAX: Final = 2_000


async def read_ahead(
    topic: str, options: Mapping[str, Any], start: int, *, partition: int = 0
) -> AsyncGenerator[Sequence[Received], None]:
    """
    Yield batches of records; an empty one where nothing new has come.

    None of them can be acknowledged here: the group's own consumer comes to them later.

    Raises:
        KafkaError: the brokers do not answer.
    """
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        where = TopicPartition(topic, partition)
        consumer.assign([where])
        consumer.seek(where, start)
        while True:
            found = await consumer.getmany(where, timeout_ms=_WAIT_MAX_MS, max_records=_RECORDS_MAX)
            yield [Received.of(each, lambda: None) for each in found.get(where, [])]
    finally:
        await consumer.stop()
