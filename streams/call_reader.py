"""Reads when Quable called, from what was appended to `notifications` since the last look."""

from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime.errors import KafkaUnavailable
from topics.notifications import Source, to_received_s, to_source

TAIL_MAX: Final = 1_000
"""Newest records of a partition that are read at first: one call shows as well as many."""
_WAIT_MAX_MS: Final = 200
_FETCH_MAX_BYTES: Final = 1024 * 1024
_PARTITION_FETCH_MAX_BYTES: Final = 128 * 1024
"""By default each partition's fetch holds a megabyte, and a worker would keep as much for good."""


class CallReader:
    """Remembers up to where it has read; of what was there before, it reads the newest."""

    def __init__(self, topic: str, partitions: int, options: Mapping[str, Any]) -> None:
        self._options = dict(options)
        self._places = [TopicPartition(topic, number) for number in range(partitions)]
        self._next: dict[TopicPartition, int] = {}

    def forget(self) -> None:
        """Begin anew: read the newest records of all partitions the next time."""
        self._next.clear()

    async def read(self) -> list[float]:
        """
        Return when the calls came that were appended since the last time, unix seconds.

        Raises:
            KafkaUnavailable: the brokers do not answer.
        """
        try:
            return await self._read()
        except KafkaError as error:
            raise KafkaUnavailable(f"the newest notifications were not read: {error!r}") from error

    async def _read(self) -> list[float]:
        consumer = AIOKafkaConsumer(
            **self._options,
            enable_auto_commit=False,
            fetch_max_bytes=_FETCH_MAX_BYTES,
            max_partition_fetch_bytes=_PARTITION_FETCH_MAX_BYTES,
        )
        try:
            await consumer.start()
            first = await consumer.beginning_offsets(self._places)
            ends = await consumer.end_offsets(self._places)
            starts = {
                place: max(first[place], min(self._next.get(place, end - TAIL_MAX), end))
                for place, end in ends.items()
            }
            left = {place for place, end in ends.items() if starts[place] < end}
            consumer.assign(sorted(left))
            for place in left:
                consumer.seek(place, starts[place])
            calls_s: list[float] = []
            while left:
                batch = await consumer.getmany(*left, timeout_ms=_WAIT_MAX_MS)
                calls_s += [
                    to_received_s(headers, appended_s=each.timestamp / 1000)
                    for records in batch.values()
                    for each in records
                    if to_source(headers := dict(each.headers or ())) is Source.WEBHOOK
                ]
                for place in list(left):
                    if await consumer.position(place) >= ends[place]:
                        left.remove(place)
            self._next = dict(ends)
            return calls_s
        finally:
            await consumer.stop()
