"""Reads the epoch from both stores, raises it where it must rise, and stores it in both."""

import asyncio
from dataclasses import dataclass
from typing import Final

from elasticsearch import AsyncElasticsearch
from kafka.admin import KafkaAdminClient

from runtime.clock import Clock
from runtime.errors import MalformedRecord, Unreachable
from runtime.kafka_options import to_aiokafka_options, to_kafka_python_options
from runtime.logs import get_logger
from runtime.settings import Settings
from sinks.epochs import StoredEpoch, raise_epoch, read_epoch, read_versions
from streams.end_offsets import KafkaEndOffsets
from streams.epochs import find_reason, to_next
from streams.log_reader import read_log
from topics.control import EpochRecord, is_epoch
from topics.creation import TopicState, describe
from topics.names import TopicNames
from topics.notifications import MARK_CODE, Source, to_headers, to_key_bytes, to_mark
from topics.records import Publisher

_TRIES_MAX: Final = 5

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EpochKeeper:
    """Knows which epoch it is. *client* is of a server that answers."""

    settings: Settings
    client: AsyncElasticsearch
    publisher: Publisher
    clock: Clock  # time.time

    async def plan(self) -> list[str]:
        """Return what `ensure` would change, as far as that can be said, in words."""
        topics = TopicNames(self.settings.topic_prefix)
        if topics.notifications not in await asyncio.to_thread(
            _describe, self.settings, [topics.notifications]
        ):
            return [f"stored a new epoch ({topics.notifications} is created)"]
        state = await self.read_state()
        stored = await read_epoch(self.client, self.settings.index_prefix)
        logged = await self._read_logged(topics)
        # In the order of `ensure`, and for the same reason.
        versions = await self._read_versions()
        reason = find_reason(
            _to_higher(stored, logged),
            topic_id=state.topic_id,
            partitions=state.partitions,
            ends=await self._read_ends(topics),
            versions=versions,
        )
        return [] if reason is None else [f"stored a new epoch ({reason})"]

    async def ensure(self) -> tuple[EpochRecord, list[str]]:
        """
        Return the epoch as of now, raised where it must be, and what was changed.

        Raises:
            Unreachable: there is no topic `notifications`; `quindex setup` creates it.
        """
        topics = TopicNames(self.settings.topic_prefix)
        state = await self.read_state()
        # In this order: what other workers index meanwhile must not look like a log that lost its end.
        versions = await self._read_versions()
        ends = await self._read_ends(topics)
        for _ in range(_TRIES_MAX):
            stored = await read_epoch(self.client, self.settings.index_prefix)
            logged = await self._read_logged(topics)
            known = _to_higher(stored, logged)
            reason = find_reason(
                known,
                topic_id=state.topic_id,
                partitions=state.partitions,
                ends=ends,
                versions=versions,
            )
            epoch = known
            if reason is not None or epoch is None:
                epoch = to_next(
                    known,
                    topic_id=state.topic_id,
                    partitions=state.partitions,
                    versions=versions.values(),
                    now_s=self.clock(),
                    reason=reason or "",
                )
            # First: died after it, whoever comes next asks once more; the other way round, nobody.
            asked = [] if reason is None else await self._ask_for_reconcile(topics, epoch)
            changes = await self._store(topics, epoch, stored, logged)
            if changes is not None:
                if reason is not None:
                    log.info("epoch.raised", epoch=epoch.epoch, reason=reason)
                return epoch, changes + asked
        raise Unreachable("The epoch keeps changing: is another quindex setup running?")

    async def _ask_for_reconcile(self, topics: TopicNames, epoch: EpochRecord) -> list[str]:
        """What was only in the old log is lost: everything is compared. The first start has none."""
        if epoch.epoch == 1:
            return []
        now_s = self.clock()
        await self.publisher.append(
            topics.notifications,
            key=to_key_bytes(MARK_CODE),
            value=to_mark(since_s=0.0, now_s=now_s),
            headers=to_headers(Source.MARK, now_s=now_s),
        )
        return ["asked for a reconcile"]

    async def read_state(self) -> TopicState:
        """
        Return id and partitions of `notifications`.

        Raises:
            Unreachable: there is no such topic.
        """
        name = TopicNames(self.settings.topic_prefix).notifications
        found = await asyncio.to_thread(_describe, self.settings, [name])
        if name not in found:
            raise Unreachable(f"There is no topic {name}. Run quindex setup first.")
        return found[name]

    async def _read_versions(self) -> dict[int, int]:
        return await read_versions(self.client, self.settings.index_prefix, self.settings.locales)

    async def _read_ends(self, topics: TopicNames) -> dict[int, int]:
        ends = KafkaEndOffsets(topics.notifications, to_aiokafka_options(self.settings))
        await ends.start()
        try:
            return dict(await ends.read())
        finally:
            await ends.stop()

    async def _read_logged(self, topics: TopicNames) -> EpochRecord | None:
        records = await read_log(topics.control, to_aiokafka_options(self.settings))
        epochs = []
        for record in records:
            if is_epoch(record.key) and record.value is not None:
                try:
                    epochs.append(EpochRecord.parse(record.value))
                except MalformedRecord as error:
                    log.warning("epoch.unreadable", error=str(error))
        return max(epochs, key=lambda record: record.epoch, default=None)

    async def _store(
        self,
        topics: TopicNames,
        epoch: EpochRecord,
        stored: StoredEpoch | None,
        logged: EpochRecord | None,
    ) -> list[str] | None:
        """Store *epoch* where it is not yet; None: someone else was faster."""
        changes = []
        if stored is None or stored.epoch < epoch.epoch:
            raised = await raise_epoch(
                self.client,
                self.settings.index_prefix,
                epoch.epoch,
                {"topic_id": epoch.topic_id, "partitions": epoch.partitions},
                seen=stored,
            )
            if not raised:
                return None
            changes.append(f"stored epoch {epoch.epoch} in Elasticsearch ({epoch.reason})")
        if logged is None or logged.epoch < epoch.epoch:
            await self.publisher.append(topics.control, key=epoch.key, value=epoch.to_json())
            changes.append(f"stored epoch {epoch.epoch} in {topics.control} ({epoch.reason})")
        return changes


def _to_higher(stored: StoredEpoch | None, logged: EpochRecord | None) -> EpochRecord | None:
    if stored is None or (logged is not None and logged.epoch >= stored.epoch):
        return logged
    return EpochRecord(
        epoch=stored.epoch,
        topic_id=str(stored.stands_for.get("topic_id", "")),
        partitions=int(stored.stands_for.get("partitions", 0)),
        raised_s=0.0,
        reason="from Elasticsearch",
    )


def _describe(settings: Settings, names: list[str]) -> dict[str, TopicState]:
    admin = KafkaAdminClient(**to_kafka_python_options(settings), request_timeout_ms=15_000)
    try:
        return describe(admin, names)
    finally:
        admin.close()
