"""What a worker relies on outside of itself: topics and epoch as they were when it started."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from runtime.errors import SinkUnavailable
from runtime.kafka_options import to_kafka_python_options
from runtime.logs import get_logger
from runtime.settings import Settings
from sinks.epochs import read_epoch
from sinks.positions import (
    StoredPosition,
    read_positions,
    read_stored_positions,
    to_offsets,
    write_positions,
)
from streams.offset_trust import OffsetTrust
from streams.safe_consumer import PipelineApp, SafeConsumer
from streams.watchdog import Stalled
from topics.creation import TopicState, describe
from topics.names import TopicNames

POSITIONS_EVERY_S: Final = 5.0
_INDEXED_WITHIN_S: Final = 10.0
_LOOK_MAX_S: Final = 5.0
"""How long a look waits for the first broker: the next one comes soon."""

log = get_logger(__name__)


@dataclass
class Surroundings:
    """
    Knows the topics by id; *epoch* is the one that this worker's versions are made with.

    *describe* returns the topics as they are now; None: it asks the brokers.
    """

    settings: Settings
    client: AsyncElasticsearch
    epoch: int
    states: Mapping[str, TopicState]
    describe: Callable[[], Awaitable[Mapping[str, TopicState]]] | None = None
    _written: dict[int, int] = field(default_factory=dict)

    def attach(self, app: PipelineApp) -> None:
        """Let the app judge committed offsets by what is known here."""
        topics = TopicNames(self.settings.topic_prefix)
        app.trust = OffsetTrust({name: state.topic_id for name, state in self.states.items()})
        app.indexed_topic = topics.snapshots
        app.read_indexed = self.read_indexed  # type: ignore[method-assign]  # a seam, not a method

    async def look(self) -> str | None:
        """Return what has changed, in words; an outage is no change."""
        try:
            found = await self._describe()
        except KafkaError as error:
            log.warning("surroundings.unknown", error=repr(error))
            return None
        for name, state in self.states.items():
            now = found.get(name)
            if now is None or now == state:
                continue
            if now.topic_id != state.topic_id:
                return f"topic {name} was created anew"
            return f"topic {name} has {now.partitions} partitions instead of {state.partitions}"
        try:
            stored = await read_epoch(self.client, self.settings.index_prefix)
        except (ApiError, TransportError) as error:
            log.warning("surroundings.unknown", error=str(error))
            return None
        if stored is not None and stored.epoch > self.epoch:
            return f"epoch {stored.epoch} has begun, this worker is of epoch {self.epoch}"
        return None

    async def read_indexed(self) -> Mapping[int, int]:
        """Return how far the index has come in `snapshots`; nothing if it does not answer."""
        state = self._snapshots
        try:
            async with asyncio.timeout(_INDEXED_WITHIN_S):
                return await read_positions(
                    self.client,
                    self.settings.index_prefix,
                    topic_id=state.topic_id,
                    partitions=state.partitions,
                )
        except (ApiError, TransportError, SinkUnavailable, TimeoutError) as error:
            log.warning("positions.unknown", error=repr(error))
            return {}

    async def keep_positions(self, app: PipelineApp) -> None:
        """
        Let the index remember how far it has come, until cancelled.

        Raises:
            Stalled: it remembers less than it was told, so it was restored from an older copy. The
                worker begins anew where the index stands.
        """
        while True:
            await asyncio.sleep(POSITIONS_EVERY_S)
            consumer = app._consumer  # noqa: SLF001  # the property would make one
            if not isinstance(consumer, SafeConsumer) or app.rebalancing:
                continue
            offsets = {
                tp.partition: ledger.stored
                for tp, ledger in consumer.ledgers.items()
                if tp.topic == app.indexed_topic and ledger.stored is not None
            }
            try:
                await self.remember(offsets)
            except (ApiError, TransportError, SinkUnavailable) as error:
                log.warning("positions.not_kept", error=str(error))

    async def remember(self, offsets: Mapping[int, int]) -> None:
        """
        Let the index remember the committed *offsets* of this worker's partitions.

        Raises:
            Stalled: as `keep_positions`.
            SinkUnavailable: a shard is away, so it is not known what it remembers.
        """
        self._written = {p: at for p, at in self._written.items() if p in offsets}
        stored = await read_stored_positions(
            self.client,
            self.settings.index_prefix,
            topic_id=self._snapshots.topic_id,
            partitions=self._snapshots.partitions,
        )
        if is_restored(to_offsets(stored), self._written):
            raise Stalled("the index was restored from an older copy")
        lost = await write_positions(
            self.client,
            self.settings.index_prefix,
            topic_id=self._snapshots.topic_id,
            epoch=self.epoch,
            offsets=to_news(stored, offsets, epoch=self.epoch),
            seen=stored,
        )
        self._written |= {p: offset for p, offset in offsets.items() if p not in lost}

    async def _describe(self) -> Mapping[str, TopicState]:
        if self.describe is not None:
            return await self.describe()
        return await asyncio.to_thread(describe_topics, self.settings, bootstrap_max_s=_LOOK_MAX_S)

    @property
    def _snapshots(self) -> TopicState:
        return self.states[TopicNames(self.settings.topic_prefix).snapshots]


def describe_topics(
    settings: Settings, *, bootstrap_max_s: float = 30.0
) -> Mapping[str, TopicState]:
    """
    Return the topics that workers read, as they are; blocks.

    Raises:
        KafkaError: no broker answers, the first of them within *bootstrap_max_s*.
    """
    topics = TopicNames(settings.topic_prefix)
    admin = KafkaAdminClient(
        **to_kafka_python_options(settings),
        request_timeout_ms=10_000,
        bootstrap_timeout_ms=int(bootstrap_max_s * 1_000),
    )
    try:
        return describe(admin, [topics.notifications, topics.due, topics.snapshots])
    finally:
        admin.close()


def is_restored(remembered: Mapping[int, int], written: Mapping[int, int]) -> bool:
    """Whether the index remembers less, in any partition, than this worker has told it."""
    return any(remembered.get(partition, 0) < offset for partition, offset in written.items())


def to_news(
    stored: Mapping[int, StoredPosition], offsets: Mapping[int, int], *, epoch: int
) -> Mapping[int, int]:
    """
    Return those *offsets* that the index has yet to remember.

    Lower ones of the same epoch are those of a worker that was paused and does not know yet that
    its partitions have moved, or of a group that was sent back: the index has come further all the
    same. With a new epoch the log may have gone back to an older copy, and offsets with it.
    """
    return {
        p: offset
        for p, offset in offsets.items()
        if (each := stored.get(p)) is None
        or (epoch, offset) > (each.epoch, -1 if each.offset is None else each.offset)
    }
