"""Reads a partition as far as it reaches now: the small topics that are read whole."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

_WAIT_MAX_MS: Final = 200


@dataclass(frozen=True, slots=True)
class Read:
    """A record as it lies in the log."""

    offset: int
    appended_s: float
    key: bytes | None
    value: bytes | None


async def read_log(
    topic: str,
    options: Mapping[str, Any],
    *,
    start: int = 0,
    partition: int = 0,
    if_missing: Exception | None = None,
) -> list[Read]:
    """
    Return the records of one partition from *start* (or the log's beginning) to its end, as of now.

    A topic that is not there is waited for, unless *if_missing* is given.

    Raises:
        KafkaError: the brokers do not answer.
        Exception: *if_missing*: there is no such topic.
    """
    reading = read_batches(topic, options, start=start, partition=partition, if_missing=if_missing)
    async with aclosing(reading) as batches:
        return [each async for batch in batches for each in batch]


async def read_batches(
    topic: str,
    options: Mapping[str, Any],
    *,
    start: int = 0,
    partition: int = 0,
    if_missing: Exception | None = None,
) -> AsyncGenerator[list[Read], None]:
    """Yield what `read_log` returns batch by batch, for those who need not hold all at once."""
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
    try:
        await consumer.start()
        if if_missing is not None and topic not in await consumer.topics():
            raise if_missing
        where = TopicPartition(topic, partition)
        first = (await consumer.beginning_offsets([where]))[where]
        end = (await consumer.end_offsets([where]))[where]
        consumer.assign([where])
        # seek_to_beginning would race with the reset of a new assignment.
        consumer.seek(where, max(first, start))
        while await consumer.position(where) < end:
            batch = await consumer.getmany(where, timeout_ms=_WAIT_MAX_MS)
            yield [
                Read(each.offset, each.timestamp / 1000, each.key, each.value)
                for each in batch.get(where, [])
            ]
    finally:
        await consumer.stop()
