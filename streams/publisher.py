"""Appends records to Kafka: aiokafka's producer, acks=all, one batch of a partition at a time."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from runtime.errors import KafkaRefused, KafkaUnavailable, RecordTooLarge
from runtime.logs import get_logger
from runtime.tracing import to_trace_headers
from topics.layout import SNAPSHOT_MAX_BYTES

METADATA_MAX_AGE_MS: Final = 10_000
"""
How long partitions may be added before records are spread over them (aiokafka: 300 s): what the
ingress has put into a new one must not be announced again in the old one.
"""
_PAUSE_MIN_S: Final = 0.5
_PAUSE_MAX_S: Final = 10.0
_OVERHEAD_BYTES: Final = 64 * 1024
"""Key, headers and framing of a record, beside its value."""

_FATAL: Final = (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
)

log = get_logger(__name__)


class KafkaPublisher:
    """
    Appends until it succeeds: while the brokers are away, callers wait.

    A try that timed out may have been stored, so a record may be there twice; readers are used to
    that.
    """

    def __init__(self, options: Mapping[str, Any], *, append_max_s: float | None = None) -> None:
        self._options, self._append_max_s = options, append_max_s
        self._producer: AIOKafkaProducer | None = None
        self.waits_for: str | None = None

    async def start(self) -> None:
        """
        Connect.

        Raises:
            KafkaError: no broker answers.
        """
        self._producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            # An idempotent one numbers its batches, and after one that failed for good (too large, or
            # timed out) the broker refuses all that follow it in that partition, for ever.
            enable_idempotence=False,
            compression_type="lz4",
            linger_ms=2,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            max_request_size=SNAPSHOT_MAX_BYTES + _OVERHEAD_BYTES,
            request_timeout_ms=30_000,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is on its way, then disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> int:
        """
        Return the record's offset once it is stored.

        Raises:
            KafkaUnavailable: it was not within *append_max_s*; it may still be.
            RecordTooLarge: the topic does not take a record of this size.
            KafkaRefused: no try again mends it: a missing permission, an impossible topic.
        """
        try:
            async with asyncio.timeout(self._append_max_s):
                return await self._append(topic, key, value, headers, partition)
        except TimeoutError as error:
            raise KafkaUnavailable(
                f"Kafka has not taken a record of {topic} within {self._append_max_s:g} s "
                f"({self.waits_for or 'it does not answer'}). It may still come."
            ) from error

    async def _append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None,
        partition: int | None,
    ) -> int:
        assert self._producer is not None, "start() comes first"
        pause_s = _PAUSE_MIN_S
        while True:
            try:
                stored = await self._producer.send_and_wait(
                    topic,
                    value,
                    key=key,
                    headers=[*(headers or {}).items(), *to_trace_headers().items()],
                    partition=partition,
                )
            except MessageSizeTooLargeError as error:
                raise RecordTooLarge(
                    f"{topic} does not take a record of {len(value or b'')} bytes"
                ) from error
            except _FATAL as error:
                raise KafkaRefused(f"Kafka refused a record of {topic}: {error!r}") from error
            except KafkaError as error:
                self.waits_for = f"Kafka: {error}"
                log.warning("append.failed", topic=topic, error=repr(error), pause_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _PAUSE_MAX_S)
            else:
                self.waits_for = None
                return int(stored.offset)
