"""Puts a worker together: clients, stages, Faust."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from elasticsearch import AsyncElasticsearch

from ops.collector import Collector
from ops.connections import elasticsearch_client, publisher_of
from ops.facts_export import FactsExporter
from ops.failures import said_plainly
from ops.operations_port import open_operations_port
from ops.parts import Parts, claim_quota, purge_forever
from pim.client import PimClient
from pim.connection import TIMEOUT_S
from pim.retries import TRIES_MAX
from runtime.errors import (
    KafkaUnavailable,
    MustRestart,
    OperatorError,
    PimAnswerUnusable,
    PimUnauthorized,
    SettingsInvalid,
    TransientError,
    Unreachable,
)
from runtime.kafka_options import to_aiokafka_options
from runtime.logs import get_logger
from runtime.settings import Settings
from sinks.indices import check_server
from sinks.planning import check_writable, read_plans
from sinks.reference import Reference
from sinks.rules_file import load_rules
from streams.app import create_app
from streams.end_offsets import KafkaEndOffsets
from streams.epoch_keeper import EpochKeeper
from streams.follower import Follower, Follows
from streams.log_reader import read_log
from streams.quota import Quota, Window
from streams.quota_gate import QuotaGate
from streams.rebuild import complete_stopped
from streams.stall import StallDetector
from streams.surroundings import Surroundings, describe_topics
from streams.watchdog import LoopWatch, Watchdog
from streams.worker import Worker
from topics.creation import TopicState
from topics.end_offsets import EndOffsets
from topics.layout import DUE_PARTITION
from topics.names import TopicNames
from topics.pauses import Pauses

DAY_S: Final = 86_400.0

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
        publisher = await stack.enter_async_context(
            publisher_of(settings, needs_topics=False, append_max_s=None)
        )
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
        if await gate.note_check(TRIES_MAX):
            await _check_pim(pim, settings)
        else:
            log.warning("pim.not_checked", reason="the quota is used up")
        await _check_indices(client, settings)
        with said_plainly(settings):  # both servers may go away while a worker starts
            epoch, _ = await EpochKeeper(settings, client, publisher, time.time).ensure()
        log.info("worker.starting", epoch=epoch.epoch, partitions=epoch.partitions)

        # Before anything is projected, and before a paused stage could take something on.
        reference, pauses = (
            Reference(),
            Pauses(lambda event, stage: log.warning(event, stage=stage)),
        )
        follower = await _follow(settings, reference, topics.reference, stack)
        pausing = await _follow(settings, pauses, topics.control, stack)
        gate.hold(lambda: pauses.to_wait("fetch"))
        states = await read_states(settings)
        await check_partitions(ends, epoch.partitions, states[topics.notifications].partitions)
        surroundings = Surroundings(settings, client, epoch.epoch, states)
        parts = Parts(
            settings,
            client,
            publisher,
            pim,
            gate,
            ends,
            snapshot_ends,
            epoch,
            states[topics.snapshots],
            reference,
            surroundings.look,
            pauses,
        )
        stages = parts.to_stages()
        app = create_app(settings, stages)
        app.on_partitions_assigned.connect(claim_quota(parts, DUE_PARTITION))
        surroundings.attach(app)
        exporter = FactsExporter(
            Collector(settings).collect, parts.gate.is_ours, lambda: parts.gate.used_ratio
        )
        address, serve_operations = open_operations_port(
            settings, lambda: bool(app.started), exporter.scraped
        )
        by_topic = {
            topics.notifications: stages.debounce,
            topics.due: stages.fetch,
            topics.snapshots: stages.index,
        }
        watches = (
            Watchdog(
                app,
                by_topic,
                surroundings.look,
                StallDetector(),
                publisher,
                holds={topic: guard.to_wait for topic, guard in parts.guards.items()},
            ).run,
            LoopWatch().run,
            serve_operations,
            parts.to_teller(stages, address),
            exporter.run,
            follower.run,
            pausing.run,
            parts.attributes.run,
            parts.webhook_watch.run,
            partial(surroundings.keep_positions, app),
            partial(purge_forever, parts.to_purger(app)),
            partial(complete_stopped, parts.to_rebuild()),
        )
        await Worker(app, stages, watches).run()


async def read_states(
    settings: Settings,
    describe: Callable[[Settings], Mapping[str, TopicState]] = describe_topics,
) -> Mapping[str, TopicState]:
    """
    Return the topics that workers read, as they are when one starts.

    Raises:
        Unreachable: the brokers do not answer.
    """
    with said_plainly(settings):
        return await asyncio.to_thread(describe, settings)


async def check_partitions(ends: EndOffsets, *seen: int) -> None:
    """
    Compare how many partitions `notifications` had at several moments of the worker's start.

    Raises:
        MustRestart: some were added meanwhile, and nothing that looks from here on would notice.
        Unreachable: the brokers do not answer.
    """
    try:
        counts = sorted({*seen, len(await ends.read())})
    except KafkaUnavailable as error:
        raise Unreachable(f"Kafka: {error}.") from error
    if len(counts) > 1:
        log.error("worker.stalled", reason="partitions were added while it started", seen=counts)
        raise MustRestart(f"partitions were added while the worker started: {counts}")


async def _follow(
    settings: Settings, follows: Follows, topic: str, stack: AsyncExitStack
) -> Follower:
    """Read a small topic whole, to be followed from there."""
    follower = Follower(follows, topic, to_aiokafka_options(settings))
    stack.push_async_callback(follower.stop)
    with said_plainly(settings):
        await follower.start()
    return follower


async def _open_ends(settings: Settings, topic: str, stack: AsyncExitStack) -> KafkaEndOffsets:
    ends = KafkaEndOffsets(topic, to_aiokafka_options(settings))
    try:
        with said_plainly(settings):
            await ends.start()
    except KafkaUnavailable as error:
        raise Unreachable(f"Kafka: {error}. Run quindex setup first.") from error
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


async def _check_indices(client: AsyncElasticsearch, settings: Settings) -> None:
    """
    Refuse to write where it would be lost; tell what else could be better.

    Raises:
        Refused: says which command helps.
    """
    plans = await read_plans(
        client,
        prefix=settings.index_prefix,
        locales=settings.locales,
        rules=load_rules(settings.attributes),
    )
    check_writable(plans)
    for plan in plans:
        for change in plan.changes:
            log.warning("index.outdated", index=plan.index, step=change.step, what=change.what)
