"""Puts a worker together: clients, stages, Faust."""

import asyncio
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from aiokafka.errors import KafkaError
from elasticsearch import AsyncElasticsearch

from ops.connections import elasticsearch_client, kafka_unreachable, publisher_of
from pim.client import PimClient
from pim.connection import TIMEOUT_S
from pim.kinds import Kind
from runtime.errors import (
    KafkaUnavailable,
    OperatorError,
    PimAnswerUnusable,
    PimUnauthorized,
    SettingsInvalid,
    SinkUnavailable,
    TransientError,
    Unreachable,
)
from runtime.kafka_options import to_aiokafka_options
from runtime.logs import get_logger
from runtime.settings import Settings
from sinks.batches import BatchFormer
from sinks.classified import read_classified
from sinks.elasticsearch import ElasticsearchSink
from sinks.fields import to_alias
from sinks.healing import Healer
from sinks.indexer import Indexer
from sinks.indices import check_server, read_indices
from sinks.reading import count_live
from sinks.reference import Reference
from sinks.tombstones import Purger, read_version
from streams.app import Stages, create_app, owns_snapshot
from streams.asking import Asker
from streams.attributes import AttributeRefresher
from streams.classifications import Classifications
from streams.debounce import DebounceBuffer, Timing
from streams.debounce_stage import Debouncer
from streams.delete_brake import DeleteBrake
from streams.end_offsets import KafkaEndOffsets
from streams.epoch_keeper import EpochKeeper
from streams.fetch_stage import Fetcher
from streams.log_reader import read_log
from streams.quota import Quota, Window
from streams.quota_gate import QuotaGate
from streams.rebuild import Rebuild, complete_stopped
from streams.reference import ReferenceFollower
from streams.settling import Settler
from streams.stall import StallDetector
from streams.surroundings import Surroundings, describe_topics
from streams.watchdog import LoopWatch, Watchdog
from streams.worker import Worker
from topics.dead_letters import DeadLetters
from topics.due import Lane
from topics.layout import DUE_PARTITION
from topics.names import TopicNames

DEBOUNCE_KEYS_MAX: Final = 50_000
DAY_S: Final = 86_400.0
PURGE_EVERY_S: Final = 3_600.0

log = get_logger(__name__)


async def run_worker(settings: Settings) -> None:
    """
    Check what a worker needs, then work until SIGTERM.

    Raises:
        OperatorError: something is missing, does not answer or refuses us; says what to do.
    """
    topics = TopicNames(settings.topic_prefix)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(elasticsearch_client(settings))
        await check_server(client)
        publisher = await stack.enter_async_context(publisher_of(settings))
        ends = await _open_ends(settings, topics.notifications, stack)
        snapshot_ends = await _open_ends(settings, topics.snapshots, stack)
        pim = _open_pim(settings)
        stack.push_async_callback(pim.aclose)
        gate = QuotaGate(
            to_quota(settings),
            publisher=publisher,
            topic=topics.quota,
            read=lambda start: read_log(topics.quota, to_aiokafka_options(settings), start=start),
            deadline_s=TIMEOUT_S,
            clock=time.monotonic,
        )
        await gate.note_check()
        await _check_pim(pim, settings)
        await _check_aliases(client, settings)
        epoch, _ = await EpochKeeper(settings, client, publisher, time.time).ensure()
        log.info("worker.starting", epoch=epoch.epoch, partitions=epoch.partitions)

        def dead_letters(stage: str) -> DeadLetters:
            return DeadLetters(publisher, topics.dead_letters, stage, time.time)

        asker = Asker(pim, gate, batch_max=settings.pim_batch_max)
        chains = {locale: settings.fallback_chain(locale) for locale in settings.locales}
        aliases = [to_alias(settings.index_prefix, locale) for locale in settings.locales]
        reference = Reference()
        follower = await _open_reference(settings, reference, stack)
        stages = Stages(
            debounce=Debouncer(
                buffer=DebounceBuffer(
                    Timing(settings.lead_s, settings.quiet_s, settings.delay_max_s),
                    keys_max=DEBOUNCE_KEYS_MAX,
                    clock=time.time,
                ),
                publisher=publisher,
                dead_letters=dead_letters("debounce"),
                topics=topics,
                kinds=[Kind(kind) for kind in settings.kinds],
                clock=time.time,
                partitions=epoch.partitions,
            ),
            fetch=Fetcher(
                asker=asker,
                settler=Settler(
                    publisher=publisher,
                    dead_letters=dead_letters("fetch"),
                    topics=topics,
                    epoch=epoch.epoch,
                    asker=asker,
                    brake=DeleteBrake(
                        publisher=publisher,
                        topic=topics.control,
                        read_control=partial(
                            read_log, topics.control, to_aiokafka_options(settings)
                        ),
                        count_live=partial(
                            count_live, client, to_alias(settings.index_prefix, settings.locales[0])
                        ),
                        limit_given=settings.unannounced_deletes_max,
                        clock=time.time,
                    ),
                    classifications=Classifications(
                        reference=reference,
                        asker=asker,
                        publisher=publisher,
                        topics=topics,
                        find=lambda code, refresh: read_classified(
                            client, aliases, code, refresh=refresh
                        ),
                        chains=chains,
                        clock=time.time,
                    ),
                    clock=time.time,
                ),
                gate=gate,
                ends=ends,
                hold_s=settings.quiet_s,
                clock=time.time,
            ),
            index=Indexer(
                sink=ElasticsearchSink(client),
                dead_letters=dead_letters("index"),
                index_prefix=settings.index_prefix,
                chains=chains,
                types=reference.types,
                former=BatchFormer(clock=time.monotonic),
                clock=time.monotonic,
                wall=time.time,
                healer=Healer(
                    ends=snapshot_ends,
                    stored_version=partial(
                        read_version, client, to_alias(settings.index_prefix, settings.locales[0])
                    ),
                    publisher=publisher,
                    topics=topics,
                    wall=time.time,
                ),
            ),
        )
        app = create_app(settings, stages)
        app.on_partitions_assigned.connect(partial(_claim_quota, gate, topics.due))
        surroundings = Surroundings(
            settings, client, epoch.epoch, await asyncio.to_thread(describe_topics, settings)
        )
        surroundings.attach(app)
        by_topic = {
            topics.notifications: stages.debounce,
            topics.due: stages.fetch,
            topics.snapshots: stages.index,
        }
        watchdog = Watchdog(app, by_topic, surroundings.look, StallDetector(), publisher)
        purger = Purger(
            client=client,
            prefix=settings.index_prefix,
            locales=settings.locales,
            publisher=publisher,
            topic=topics.snapshots,
            is_mine=partial(owns_snapshot, app, topics.snapshots),
            clock=time.time,
        )
        transfers = Rebuild(
            settings=settings,
            client=client,
            publisher=publisher,
            snapshots=surroundings.states[topics.snapshots],
            committed=dict,  # noted before the swap, by whoever began it
            types={},
            report=lambda *_: None,
        )
        attributes = AttributeRefresher(
            definitions=pim.through(gate.of(Lane.PROCESS)),
            reference=reference,
            publisher=publisher,
            topic=topics.reference,
            is_owner=gate.is_ours,
            clock=time.monotonic,
        )
        watches = (
            watchdog.run,
            follower.run,
            attributes.run,
            LoopWatch().run,
            partial(surroundings.keep_positions, app),
            partial(_purge_forever, purger),
            partial(complete_stopped, transfers),
        )
        await Worker(app, stages, watches).run()


async def _claim_quota(
    gate: QuotaGate, due: str, _app: object, assigned: Collection[object], **_: object
) -> None:
    """Whoever has the partition of `due` has all requests to the PIM."""
    if (due, DUE_PARTITION) in assigned:
        gate.claim()


async def _purge_forever(purger: Purger) -> None:
    while True:
        await asyncio.sleep(PURGE_EVERY_S)
        try:
            await purger.purge()
        except SinkUnavailable as error:
            log.warning("purge.postponed", error=str(error))


async def _open_reference(
    settings: Settings, reference: Reference, stack: AsyncExitStack
) -> ReferenceFollower:
    """Read what is known of attributes and classifications, before anything is projected."""
    topic = TopicNames(settings.topic_prefix).reference
    follower = ReferenceFollower(reference, topic, to_aiokafka_options(settings))
    stack.push_async_callback(follower.stop)
    try:
        await follower.start()
    except KafkaError as error:
        raise kafka_unreachable(settings, error) from error
    return follower


async def _open_ends(settings: Settings, topic: str, stack: AsyncExitStack) -> KafkaEndOffsets:
    ends = KafkaEndOffsets(topic, to_aiokafka_options(settings))
    try:
        await ends.start()
    except KafkaUnavailable as error:
        raise Unreachable(f"Kafka: {error}. Run quindex setup first.") from error
    except KafkaError as error:
        raise kafka_unreachable(settings, error) from error
    stack.push_async_callback(ends.stop)
    return ends


def to_quota(settings: Settings) -> Quota:
    """Return our share of the PIM's quota."""
    share = settings.pim_quota_share
    return Quota(
        (
            Window(
                limit=max(1, int(settings.pim_quota_10min * share)),
                span_s=settings.pim_quota_window_s,
            ),
            Window(limit=max(1, int(settings.pim_quota_24h * share)), span_s=DAY_S),
        )
    )


def _open_pim(settings: Settings) -> PimClient:
    token = settings.pim_token.get_secret_value()
    try:
        return PimClient(settings.pim_url, token, batch_max=settings.pim_batch_max)
    except ValueError as error:
        raise SettingsInvalid(
            f"The PIM cannot be asked as QUINDEX_PIM_URL and QUINDEX_PIM_TOKEN say: {error}."
        ) from error


async def _check_pim(pim: PimClient, settings: Settings) -> None:
    """A wrong token is found at the start; a PIM that is away is waited for later."""
    try:
        await pim.check()
    except PimUnauthorized as error:
        raise OperatorError(
            f"The PIM at {settings.pim_url} refused the token with {error.status}. "
            "Is QUINDEX_PIM_TOKEN right, and has it read access to documents?"
        ) from error
    except (TransientError, PimAnswerUnusable) as error:
        log.warning("pim.unavailable", error=str(error))


async def _check_aliases(client: AsyncElasticsearch, settings: Settings) -> None:
    missing = [
        alias
        for alias in (to_alias(settings.index_prefix, locale) for locale in settings.locales)
        if not await read_indices(client, alias)
    ]
    if missing:
        raise Unreachable(f"There is no alias {', '.join(missing)}. Run quindex setup first.")
