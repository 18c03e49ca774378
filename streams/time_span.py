"""Reads the notifications of a time span from all partitions, as far as they reach now."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from pim.notifications import Meaning, parse_notification
from runtime.errors import MalformedNotification

_POLL_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which notifications are meant; an empty set means: any."""

    until_s: float  # unix seconds
    codes: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()

    def pick(self, value: bytes | None, *, appended_s: float) -> str | None:
        """Return the resource's key, kind:code, if the notification is meant."""
        if appended_s > self.until_s:
            return None
        try:
            notification = parse_notification(value or b"")
        except MalformedNotification:
            return None  # it is a dead letter already
        if notification.meaning is not Meaning.RESOURCE:
            return None
        if self.codes and notification.code not in self.codes:
            return None
        if self.events and notification.event not in self.events:
            return None
        return notification.key


async def read_span(
    topic: str, options: Mapping[str, Any], *, since_s: float
) -> AsyncIterator[tuple[list[Any], int]]:
    """
    Yield batches of aiokafka's records that were appended since, and how many are left.

    Raises:
        KafkaError: the brokers do not answer.
    """
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
    try:
        await consumer.start()
        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001  # the public call reads a cache
        places = [TopicPartition(topic, p) for p in cluster.partitions_for_topic(topic) or ()]
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
            yield [record for records in batch.values() for record in records], left
    finally:
        await consumer.stop()
