"""Reads the notifications of a time span from all partitions, as far as they reach now."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

_POLL_MS: Final = 1_000


async def read_span(
    topic: str, options: Mapping[str, Any], *, since_s: float, if_missing: Exception
) -> AsyncGenerator[tuple[list[Any], int], None]:
    """
    Yield batches of aiokafka's records that were appended since, and how many are left.

    Raises:
        KafkaError: the brokers do not answer.
        Exception: *if_missing*: there is no such topic.
    """
    # Earliest: where retention overtakes the reader, it goes on with what is left.
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001  # the public call reads a cache
        places = [TopicPartition(topic, p) for p in cluster.partitions_for_topic(topic) or ()]
        if not places:
            raise if_missing
        ends = await consumer.end_offsets(places)
        found = await consumer.offsets_for_times(dict.fromkeys(places, int(since_s * 1000)))
        starts = {place: at.offset for place, at in found.items() if at is not None}
        consumer.assign(list(starts))
        for place, start in starts.items():
            consumer.seek(place, start)
        left = sum(ends[place] - start for place, start in starts.items())
        while left > 0:
            batch = await consumer.getmany(timeout_ms=_POLL_MS)
            left = sum([max(0, ends[each] - await consumer.position(each)) for each in starts])
            # What comes after the end is not of the span: it may be what the reader appended itself.
            yield (
                [
                    record
                    for place, records in batch.items()
                    for record in records
                    if record.offset < ends[place]
                ],
                left,
            )
    finally:
        await consumer.stop()
