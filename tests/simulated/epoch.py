"""Which epoch it is: what `streams/epoch_keeper.py` does, with the real rules and store."""

import asyncio
from collections.abc import Mapping
from typing import Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from runtime.errors import KafkaUnavailable
from sinks.epochs import raise_epoch, read_epoch
from streams.epochs import find_reason, to_next
from tests.simulated.assembly import SETTINGS, TOPICS, Surface
from tests.simulated.log import Log, LogEnds
from tests.simulated.network import Line
from topics.control import EpochRecord
from topics.creation import TopicState

_AGAIN_S: Final = 2.0

States = Mapping[str, TopicState]


async def know_epoch(
    shared: Surface, client: AsyncElasticsearch, line: Line
) -> tuple[States, EpochRecord]:
    """Return the topics and the epoch, raised where it must be; wait for who does not answer."""
    while True:
        try:
            return await _ensure(shared, client, line)
        except (ApiError, TransportError, KafkaUnavailable):
            await asyncio.sleep(_AGAIN_S)


async def describe(log: Log) -> dict[str, TopicState]:
    """Return the topics as they are."""
    return {
        topic: TopicState(f"id of {topic}", len(log.topics[topic]))
        for topic in (TOPICS.notifications, TOPICS.due, TOPICS.snapshots)
    }


async def _ensure(
    shared: Surface, client: AsyncElasticsearch, line: Line
) -> tuple[States, EpochRecord]:
    states = await describe(shared.log)
    state, prefix = states[TOPICS.notifications], SETTINGS.index_prefix
    while True:
        versions = shared.cluster.greatest_versions()
        ends = await LogEnds(shared.log, TOPICS.notifications, line).read()
        stored = await read_epoch(client, prefix)
        known = None
        if stored is not None:
            of = stored.stands_for
            known = EpochRecord(stored.epoch, of["topic_id"], of["partitions"], 0.0, "")
        reason = find_reason(
            known,
            topic_id=state.topic_id,
            partitions=state.partitions,
            ends=ends,
            versions=versions,
        )
        if reason is None and known is not None:
            return states, known
        epoch = to_next(
            known,
            topic_id=state.topic_id,
            partitions=state.partitions,
            versions=versions.values(),
            now_s=0.0,
            reason=reason or "",
        )
        stands_for = {"topic_id": epoch.topic_id, "partitions": epoch.partitions}
        if await raise_epoch(client, prefix, epoch.epoch, stands_for, seen=stored):
            shared.epochs[epoch.epoch] = epoch.partitions
            return states, epoch
