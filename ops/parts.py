"""The parts of a worker: what its stages and watches are made of."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Final

from aiokafka.errors import KafkaError
from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from pim.client import PimClient
from pim.kinds import Kind
from runtime.errors import KafkaUnavailable, SinkUnavailable
from runtime.kafka_options import to_aiokafka_options
from runtime.logs import get_logger
from runtime.settings import Settings
from sinks.attribute_rules import AttributeRules
from sinks.batches import BatchFormer
from sinks.drift import DriftFinder
from sinks.elasticsearch import ElasticsearchSink
from sinks.fields import to_alias
from sinks.healing import Healer
from sinks.indexer import Indexer
from sinks.positions import read_positions
from sinks.reading import count_live, read_classified
from sinks.reference import Reference
from sinks.rules_file import load_rules
from sinks.tombstones import Purger, read_version
from streams.app import Stages, owns_snapshot
from streams.asking import Asker
from streams.attributes import AttributeRefresher
from streams.call_reader import CallReader
from streams.classifications import Classifications
from streams.debounce import DebounceBuffer, Timing
from streams.debounce_stage import Debouncer
from streams.delete_brake import DeleteBrake
from streams.due_stage import DueStage, to_trouble
from streams.fetch_stage import Fetcher
from streams.log_reader import Read, read_log
from streams.publisher import KafkaPublisher
from streams.quota_gate import QuotaGate
from streams.read_ahead import read_ahead
from streams.rebuild import Rebuild
from streams.safe_consumer import PipelineApp
from streams.scan_budget import CompareBudget
from streams.scan_outcomes import ScanOutcomes
from streams.scan_pages import PageReader
from streams.scanner import Scanner
from streams.scouting import Scout
from streams.settling import Settler
from streams.webhook_watch import WebhookWatch
from topics.audit import AuditRecord
from topics.control import EpochRecord, StageStop, fold_stops
from topics.creation import TopicState
from topics.dead_letters import DeadLetters
from topics.due import Lane
from topics.end_offsets import EndOffsets
from topics.layout import SNAPSHOTS_PARTITIONS
from topics.names import TopicNames
from topics.partitions import to_partition
from topics.pauses import Pauses
from topics.processes import ProcessRecord
from topics.stage_guard import StageGuard
from topics.telling import own_version, tell_forever, to_process_id

DEBOUNCE_KEYS_MAX: Final = 50_000
PURGE_EVERY_S: Final = 3_600.0

log = get_logger(__name__)


@dataclass
class Parts:
    """Connections, and what is made of them; everything here is shared by the stages."""

    settings: Settings
    client: AsyncElasticsearch
    publisher: KafkaPublisher
    pim: PimClient
    gate: QuotaGate
    ends: EndOffsets  # of notifications
    snapshot_ends: EndOffsets
    epoch: EpochRecord
    snapshots: TopicState
    reference: Reference
    look_around: Callable[[], Awaitable[str | None]]  # what has changed since the start, in words
    pauses: Pauses = field(default_factory=Pauses)

    @cached_property
    def topics(self) -> TopicNames:
        return TopicNames(self.settings.topic_prefix)

    @cached_property
    def chains(self) -> Mapping[str, Sequence[str]]:
        return {each: self.settings.fallback_chain(each) for each in self.settings.locales}

    @cached_property
    def aliases(self) -> list[str]:
        return [to_alias(self.settings.index_prefix, each) for each in self.settings.locales]

    @cached_property
    def rules(self) -> AttributeRules:
        return load_rules(self.settings.attributes)

    @cached_property
    def asker(self) -> Asker:
        return Asker(self.pim, self.gate, batch_max=self.settings.pim_batch_max)

    @cached_property
    def attributes(self) -> AttributeRefresher:
        """What keeps the types of attributes up to date, while this worker may ask."""
        return AttributeRefresher(
            definitions=self.pim.through(self.gate.of(Lane.PROCESS)),
            reference=self.reference,
            publisher=self.publisher,
            topic=self.topics.reference,
            is_owner=self.gate.is_ours,
            clock=time.monotonic,
        )

    @cached_property
    def webhook_watch(self) -> WebhookWatch:
        """What finds out whether Quable has disabled the webhook, while this worker may ask."""
        return WebhookWatch(
            calls=CallReader(
                self.topics.notifications,
                self.epoch.partitions,
                to_aiokafka_options(self.settings),
            ),
            pim=self.pim.through(self.gate.of(Lane.PROCESS)),
            kinds=[Kind(kind) for kind in self.settings.kinds],
            publisher=self.publisher,
            topics=self.topics,
            read_control=self.read_control,
            is_owner=self.gate.is_ours,
            silent_s=self.settings.webhook_silent_s,
            clock=time.time,
        )

    @cached_property
    def settler(self) -> Settler:
        return Settler(
            publisher=self.publisher,
            dead_letters=self.dead_letters(self.topics.due, "fetch"),
            topics=self.topics,
            epoch=self.epoch.epoch,
            asker=self.asker,
            brake=DeleteBrake(
                publisher=self.publisher,
                topic=self.topics.control,
                read_control=self.read_control,
                count_live=partial(count_live, self.client, self.aliases[0]),
                limit_given=self.settings.unannounced_deletes_max,
                clock=time.time,
            ),
            classifications=Classifications(
                reference=self.reference,
                asker=self.asker,
                publisher=self.publisher,
                topics=self.topics,
                find=lambda code, refresh: read_classified(
                    self.client, self.aliases, code, refresh=refresh
                ),
                chains=self.chains,
                clock=time.time,
                types_known=self.attributes.wait,
                ends=self.snapshot_ends,
                indexed=self.read_indexed,
            ),
            document_types=frozenset(self.settings.document_types),
            clock=time.time,
        )

    @cached_property
    def guards(self) -> Mapping[str, StageGuard]:
        """What stops each stage when too many of its records die, by the topic that it reads."""
        stages = {
            self.topics.notifications: "debounce",
            self.topics.due: "fetch",
            self.topics.snapshots: "index",
        }
        return {
            topic: StageGuard(
                stage,
                publisher=self.publisher,
                topic=self.topics.control,
                read_stops=self.read_stops,
                clock=time.time,
            )
            for topic, stage in stages.items()
        }

    def dead_letters(self, topic: str, stage: str) -> DeadLetters:
        return DeadLetters(
            self.publisher, self.topics.dead_letters, stage, time.time, self.guards[topic]
        )

    async def read_stops(self) -> Mapping[str, StageStop]:
        return fold_stops((each.key, each.value) for each in await self.read_control())

    async def read_control(self) -> list[Read]:
        """
        Return all records of `control`.

        Raises:
            KafkaUnavailable: nobody knows now.
        """
        return await self._read(self.topics.control)

    async def read_indexed(self) -> Mapping[int, int]:
        """
        Return how far the index has come in each partition of `snapshots`.

        Raises:
            SinkUnavailable: it is not known now.
        """
        try:
            return await read_positions(
                self.client,
                self.settings.index_prefix,
                topic_id=self.snapshots.topic_id,
                partitions=self.snapshots.partitions,
            )
        except (ApiError, TransportError) as error:
            raise SinkUnavailable(f"elasticsearch: {error}") from error

    async def read_audit(self, scan: str) -> list[AuditRecord]:
        wanted = scan.encode()
        records = await self._read(
            self.topics.audit, partition=to_partition(wanted, SNAPSHOTS_PARTITIONS)
        )
        return [AuditRecord.parse(each.value or b"") for each in records if each.key == wanted]

    async def _read(self, topic: str, *, partition: int = 0) -> list[Read]:
        try:
            return await read_log(topic, to_aiokafka_options(self.settings), partition=partition)
        except KafkaError as error:
            raise KafkaUnavailable(f"{topic} cannot be read: {error!r}") from error

    def to_stages(self) -> Stages:
        """Return the stages, not started."""
        return Stages(
            debounce=self._to_debouncer(),
            fetch=self._to_due(),
            index=self._to_indexer(),
            taken=lambda topic: self.guards[topic].taken(),
        )

    def to_purger(self, app: PipelineApp) -> Purger:
        """Return what purges the tombstones that this worker answers for."""
        return Purger(
            client=self.client,
            prefix=self.settings.index_prefix,
            locales=self.settings.locales,
            publisher=self.publisher,
            topic=self.topics.snapshots,
            is_mine=partial(owns_snapshot, app, self.topics.snapshots),
            clock=time.time,
        )

    def to_rebuild(self) -> Rebuild:
        """Return what completes a transfer that was stopped after its swap."""
        return Rebuild(
            settings=self.settings,
            client=self.client,
            publisher=self.publisher,
            snapshots=self.snapshots,
            committed=dict,  # noted before the swap, by whoever began it
            types=self.reference.types,
            report=lambda *_: None,
            rules=self.rules,
        )

    def to_teller(self, stages: Stages, address: str) -> Callable[[], Coroutine[Any, Any, None]]:
        """Return what tells of this worker, until cancelled."""
        me = ProcessRecord(to_process_id("worker"), "worker", own_version(), address, 0.0)
        pairs = list(zip(self.guards.values(), stages, strict=True))

        def describe() -> ProcessRecord:
            waits = {
                guard.stage: reason
                for guard, stage in pairs
                if (
                    reason := to_trouble(guard.to_wait(), stage.waits_for, self.publisher.waits_for)
                )
            }
            return replace(me, at=time.time(), waits_for=waits)

        return partial(tell_forever, self.publisher, self.topics.processes, describe)

    def _to_debouncer(self) -> Debouncer:
        settings = self.settings
        return Debouncer(
            buffer=DebounceBuffer(
                Timing(settings.lead_s, settings.quiet_s, settings.delay_max_s),
                keys_max=DEBOUNCE_KEYS_MAX,
                clock=time.time,
            ),
            publisher=self.publisher,
            dead_letters=self.dead_letters(self.topics.notifications, "debounce"),
            topics=self.topics,
            kinds=[Kind(kind) for kind in settings.kinds],
            clock=time.time,
            partitions=self.epoch.partitions,
            paused=lambda: self.pauses.to_wait("debounce"),
        )

    def _to_due(self) -> DueStage:
        fetcher = Fetcher(
            asker=self.asker,
            settler=self.settler,
            gate=self.gate,
            ends=self.ends,
            hold_s=self.settings.quiet_s,
            clock=time.time,
        )
        scanner = Scanner(
            reader=PageReader(
                self.pim, self.gate.of(Lane.SCAN), self.ends, self.settler, time.time
            ),
            settler=self.settler,
            outcomes=self._to_outcomes(),
            publisher=self.publisher,
            topics=self.topics,
            epoch=self.epoch.epoch,
            read_control=self.read_control,
            budget=CompareBudget(
                daily_requests=int(self.settings.pim_quota_24h * self.settings.pim_quota_share)
            ),
            look_around=self.look_around,
            clock=time.time,
        )
        scout = Scout(
            fetcher, partial(read_ahead, self.topics.due, to_aiokafka_options(self.settings))
        )
        return DueStage(fetcher, scanner, scout)

    def _to_outcomes(self) -> ScanOutcomes:
        drift = DriftFinder(
            self.client,
            self.settings.index_prefix,
            self.chains,
            self.reference.types,
            self.rules,
        )
        return ScanOutcomes(
            self.settler, drift, self.publisher, self.topics, self.read_audit, time.time
        )

    def _to_indexer(self) -> Indexer:
        return Indexer(
            sink=ElasticsearchSink(self.client),
            dead_letters=self.dead_letters(self.topics.snapshots, "index"),
            index_prefix=self.settings.index_prefix,
            chains=self.chains,
            types=self.reference.types,
            rules=self.rules,
            former=BatchFormer(clock=time.monotonic),
            clock=time.monotonic,
            wall=time.time,
            healer=Healer(
                ends=self.snapshot_ends,
                stored_version=partial(read_version, self.client, self.aliases[0]),
                publisher=self.publisher,
                topics=self.topics,
                wall=time.time,
            ),
            paused=lambda: self.pauses.to_wait("index"),
        )


async def purge_forever(purger: Purger) -> None:
    """Purge now and then, until cancelled."""
    while True:
        await asyncio.sleep(PURGE_EVERY_S)
        try:
            await purger.purge()
        except SinkUnavailable as error:
            log.warning("purge.postponed", error=str(error))


def claim_quota(parts: Parts, partition: int) -> Any:
    """Return a handler of assignments: whoever has `due` has all requests to the PIM."""

    async def claim(_app: object, assigned: Any, **_: object) -> None:
        if (parts.topics.due, partition) in assigned:
            parts.gate.claim()

    return claim
