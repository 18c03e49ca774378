"""
kafka-python's producer as the ingress needs it: acks=all, idempotent, lz4. All calls block.

Four traps are handled here. While a broker is away or stands still, its thread spins, and keeps the
interpreter from the event loop: calls took seconds. The constructor would wait for a broker, unless
it is told the newest API. Any error that is not worth a retry, even one record that is too large,
ends an idempotent producer for good: all that follows fails with the same error. And when a record
expires that was sent already, as when a broker freezes, it asks for a new producer id and may wait
for that for ever, with all records that follow. In the last two cases it must be replaced.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RetriableError,
    TopicAuthorizationFailedError,
)
from kafka.net.compat import KafkaNetClient
from kafka.structs import TopicPartition

from topics.layout import NOTIFICATION_MAX_BYTES
from topics.partitions import to_partition

REQUEST_TIMEOUT_MS: Final = 3_000
DELIVERY_TIMEOUT_MS: Final = 5_000
"""Longer than any call waits: a record given up by its call is spooled, and may still arrive."""
CLOSE_S: Final = DELIVERY_TIMEOUT_MS / 1000 + 1

_FIND_TIMEOUT_MS: Final = 1_000
_NOT_READY_MS: Final = 50.0
"""An answer, a connection or a record wakes the thread earlier."""
_NEWEST_API: Final = (4, 3)
"""A cap: each broker says what it speaks."""
_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)

log = logging.getLogger(__name__)


class _Client(KafkaNetClient):  # type: ignore[misc]  # kafka-python publishes no types
    """
    Wakes the producer's thread once, however many records come before it looks, and lets it sleep.

    Each wake-up is a system call for which the event loop gives up the interpreter's lock.
    """

    _is_woken = False

    def wakeup(self) -> None:
        """Have the thread look, unless it is about to."""
        if not self._is_woken:
            self._is_woken = True
            super().wakeup()

    def connection_delay(self, node_id: Any) -> float:
        """Return in how many milliseconds the thread looks again at a broker that is not ready."""
        # kafka-python's are seconds, and 0 for a broker that owes answers: the thread would spin,
        # and keep the event loop from the interpreter, for as long as a broker stands still.
        delay_s: float = super().connection_delay(node_id)
        return max(_NOT_READY_MS, delay_s * 1000)

    def poll(self, timeout_ms: float | None = None, future: object = None) -> Any:
        """Wait for the network, or for a wake-up; the thread then sends what was appended."""
        try:
            return super().poll(timeout_ms=timeout_ms, future=future)
        finally:
            # What was appended until now is sent next; what comes from now on wakes it anew.
            self._is_woken = False


def create_producer(options: Mapping[str, Any]) -> KafkaProducer:
    """Return a producer that has yet to find Kafka; *options* say where that is."""
    producer = KafkaProducer(
        **options,
        client_id="quindex-ingress",
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        allow_auto_create_topics=False,
        api_version=_NEWEST_API,
        max_request_size=2 * NOTIFICATION_MAX_BYTES,
        batch_size=64 * 1024,
        max_block_ms=_FIND_TIMEOUT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
        metadata_max_age_ms=10_000,
        reconnect_backoff_max_ms=1_000,
        metrics_enabled=False,
        kafka_client=_Client,
    )
    _ask_once_for_metadata(producer._metadata)  # noqa: SLF001 (there is no public way)
    return producer


def _ask_once_for_metadata(cluster: Any) -> None:
    """Keep a thread that asks for metadata in every turn from waking itself by it: it would spin."""
    request_update = cluster.request_update

    def request_update_once() -> Any:
        asked = cluster._future  # noqa: SLF001 (there is no public way)
        is_asked = cluster.need_update and asked is not None and not asked.is_done
        return asked if is_asked else request_update()

    cluster.request_update = request_update_once


def find_topics(producer: KafkaProducer, topics: Sequence[str]) -> list[str]:
    """
    Learn the partitions of the topics; from then on `send` raises where it would have to wait.

    The first one is needed. Return those of the others that Kafka does not show: the producer goes
    on asking for them, and `send` takes their records once they are there.

    Raises:
        KafkaError: Kafka did not answer within a second, or does not show the first topic.
    """
    needed, *others = topics
    producer.config["max_block_ms"] = _FIND_TIMEOUT_MS
    producer.partitions_for(needed)
    hidden = [topic for topic in others if not _is_shown(producer, topic)]
    producer.config["max_block_ms"] = 0
    return hidden


def _is_shown(producer: KafkaProducer, topic: str) -> bool:
    try:
        producer.partitions_for(topic)
    except KafkaError:  # it is not there, or the right to describe it is missing
        return False
    return True


def append_record(
    producer: KafkaProducer,
    topic: str,
    key: bytes,
    value: bytes | None,
    headers: list[tuple[str, bytes]],
) -> Any:
    """
    Do what `send` does with a record that has a key, at half of its cost; `wake_producer` later.

    Raises:
        KafkaError: as `send` does.
    """
    partitions = producer._metadata.partitions_for_topic(topic)  # noqa: SLF001 (no public way)
    if partitions is None or len(value or b"") > NOTIFICATION_MAX_BYTES:
        return producer.send(topic, key=key, value=value, headers=headers)  # it knows the error
    place = TopicPartition(topic, to_partition(key, len(partitions)))
    return producer._accumulator.append(place, None, key, value, headers)[0]  # noqa: SLF001 (same)


def wake_producer(producer: KafkaProducer) -> None:
    """Have the thread send what was appended."""
    producer._sender.wakeup()  # noqa: SLF001 (there is no public way)


def close_producer(producer: KafkaProducer) -> None:
    """Wait for what is in flight, at most CLOSE_S; then every record is stored or failed."""
    try:
        producer.close(CLOSE_S)
    except KafkaError:
        discard_producer(producer)


def discard_producer(producer: KafkaProducer) -> None:
    """Close a producer that is of no further use; what is in flight fails."""
    # close() alone would first wait for records that never come, and then not close.
    producer._sender.force_close()  # noqa: SLF001 (there is no public way)
    try:
        producer.close(CLOSE_S)
    except KafkaError as error:
        log.warning("a producer did not close: %s", error)


def is_too_large(error: Exception) -> bool:
    """Whether a topic did not take a record for its size."""
    return isinstance(error, _TOO_LARGE)


def is_refused(error: Exception, topic: str) -> bool:
    """Whether Kafka takes no record of this topic, though it may well take those of others."""
    # Records of other topics that were on their way fail with the same error: it ends the producer.
    return isinstance(error, TopicAuthorizationFailedError) and topic in error.args


def ends_producer(error: Exception) -> bool:
    """Whether the producer that met this error is of no further use."""
    return not isinstance(error, RetriableError)
