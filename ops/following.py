"""Follows `notifications` over all partitions, from now or an earlier moment on."""

from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from ops.ranges import to_seen
from ops.seen import Seen
from runtime.errors import Unreachable
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from topics.names import TopicNames

_POLL_MS: Final = 500


async def follow_notifications(
    settings: Settings, *, since_s: float | None, follow: bool
) -> AsyncIterator[Seen]:
    """
    Yield the notifications as Kafka gives them; without *follow*, up to where the log ends now.

    Raises:
        KafkaError: the brokers do not answer.
        Unreachable: there is no such topic.
    """
    topic = TopicNames(settings.topic_prefix).notifications
    consumer: Any = AIOKafkaConsumer(**to_aiokafka_options(settings), enable_auto_commit=False)
    try:
        await consumer.start()
        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001  # the public call reads a cache
        places = [TopicPartition(topic, p) for p in cluster.partitions_for_topic(topic) or ()]
        if not places:
            raise Unreachable(f"There is no topic {topic}. Run quindex setup first.")
        ends = await consumer.end_offsets(places)
        starts = dict(ends)
        if since_s is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(places, int(since_s * 1000)))
            starts |= {place: at.offset for place, at in found.items() if at is not None}
        consumer.assign(places)
        for place, start in starts.items():
            consumer.seek(place, start)
        while follow or [each for each in places if await consumer.position(each) < ends[each]]:
            batch = await consumer.getmany(timeout_ms=_POLL_MS)
            records = [to_seen(each) for found in batch.values() for each in found]
            for record in sorted(records, key=lambda each: (each.appended_s, each.offset)):
                yield record
    finally:
        await consumer.stop()
