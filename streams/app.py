"""The Faust app: three topics, three stages, one consumer group. It only wires."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import faust
from faust.types import EventT, StreamT

from runtime.kafka_options import to_bootstrap_servers, to_ssl_context
from runtime.settings import Settings
from streams.safe_consumer import PipelineApp
from streams.stage import Stage
from topics.layout import SNAPSHOTS_PARTITIONS
from topics.names import TopicNames
from topics.partitions import to_partition
from topics.records import Received

_BUFFERED_MAX: Final = 4096
"""Records of one topic between Kafka and its stage; the stages bound what they hold themselves."""
_BUFFERED_SNAPSHOTS_MAX: Final = 64  # a snapshot may be large
_COMMIT_INTERVAL_S: Final = 1.0
_POLL_MAX_RECORDS: Final = 500
_FETCH_MAX_BYTES: Final = 1024 * 1024
_MONTH_S: Final = 30 * 86_400.0
_REQUEST_TIMEOUT_S: Final = 40.0
_METADATA_MAX_AGE_S: Final = 10.0
"""
How long a group may stand still whose leader was told of no partitions by a broker that had just
started: it gives nobody any, and looks again when its metadata is so old. By default 300 s.
"""


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of one worker."""

    debounce: Stage
    fetch: Stage
    index: Stage
    taken: Callable[[str], object] = lambda _topic: None  # told of every record, by its topic

    def __iter__(self) -> Any:
        return iter((self.debounce, self.fetch, self.index))


def create_app(settings: Settings, stages: Stages) -> PipelineApp:
    """Return the app, not started. What Faust would do by default, and why not, is said here."""
    topics = TopicNames(settings.topic_prefix)
    app = PipelineApp(
        topics.group,
        broker=[f"kafka://{server}" for server in to_bootstrap_servers(settings)],
        broker_credentials=_to_credentials(settings),
        # True waits for every record that a stage holds: for ever, at shutdown and at a rebalance.
        stream_wait_empty=False,
        # A stage that waits longer would leave the group and never come back.
        broker_max_poll_interval=_MONTH_S,
        # 1 selects Faust's own assignor, although there are no tables.
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        # The default restarts an agent that failed, without the records that it held.
        agent_supervisor="mode.CrashingSupervisor",
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=int(_METADATA_MAX_AGE_S * 1000),
        broker_commit_interval=_COMMIT_INTERVAL_S,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 10,
        broker_rebalance_timeout=max(60.0, settings.session_timeout_s),
        broker_request_timeout=max(_REQUEST_TIMEOUT_S, settings.session_timeout_s),
        broker_max_poll_records=_POLL_MAX_RECORDS,
        consumer_max_fetch_size=_FETCH_MAX_BYTES,
        stream_buffer_maxsize=_BUFFERED_MAX,
        producer_acks=-1,
        producer_request_timeout=30.0,
        web_enabled=False,
    )
    for topic, maxsize, stage in (
        (topics.notifications, _BUFFERED_MAX, stages.debounce),
        (topics.due, _BUFFERED_MAX, stages.fetch),
        (topics.snapshots, _BUFFERED_SNAPSHOTS_MAX, stages.index),
    ):
        source = app.topic(topic, key_serializer="raw", value_serializer="raw", maxsize=maxsize)
        app.agent(source, name=topic)(_to_agent(app, stage, stages.taken))
    app.on_partitions_revoked.connect(_to_drop(stages))
    return app


def _to_agent(
    app: PipelineApp, stage: Stage, taken: Callable[[str], object]
) -> Callable[[StreamT[bytes]], Awaitable[None]]:
    async def consume(stream: StreamT[bytes]) -> None:
        # noack(): the stage acknowledges, once the record's effect is durable.
        async for event in stream.noack().events():  # type: ignore[attr-defined]  # not on StreamT
            # What waited while partitions moved is delivered again, after those before it.
            is_old = event.message.generation_id != app.consumer_generation_id
            if not app.rebalancing and not is_old:
                received = to_received(event)
                taken(received.topic)
                await stage.take(received)

    return consume


def _to_drop(stages: Stages) -> Callable[..., Awaitable[None]]:
    async def drop(_app: Any, revoked: Any, **_: Any) -> None:  # noqa: ARG001  # Faust's signature
        for stage in stages:
            stage.drop()

    return drop


def owns_snapshot(app: PipelineApp, topic: str, key: str) -> bool:
    """Whether this worker has the partition of `snapshots` that a resource's lie in."""
    partition = to_partition(key.encode("utf-8", "surrogatepass"), SNAPSHOTS_PARTITIONS)
    return (topic, partition) in app.consumer.assignment()


def to_received(event: EventT[bytes]) -> Received:
    """Return a Faust event as a stage knows a record."""
    message = event.message
    return Received(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        appended_s=message.timestamp,
        acknowledge=event.ack,
        headers=dict(message.headers or ()),
    )


def _to_credentials(settings: Settings) -> Any:
    context = to_ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL_"):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
