"""Appends to Kafka from an event loop that must never wait for it."""

import asyncio
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from runtime.errors import KafkaUnavailable, RecordTooLarge
from runtime.logs import get_logger
from runtime.metrics import kafka_in_flight_records
from topics.layout import NOTIFICATION_MAX_BYTES

IN_FLIGHT_MAX: Final = 2_000
IN_FLIGHT_MAX_BYTES: Final = 16 * 1024 * 1024
REQUEST_TIMEOUT_MS: Final = 3_000
DELIVERY_TIMEOUT_MS: Final = 5_000
"""Longer than any call waits: a record given up by its call is spooled, and may still arrive."""
CLOSE_S: Final = DELIVERY_TIMEOUT_MS / 1000 + 1
WARM_PAUSE_S: Final = 0.5

_NEWEST_API: Final = (4, 3)
"""Brokers say what they speak; with this cap given, the constructor does not wait for one."""
_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)

log = get_logger(__name__)


class KafkaPublisher:
    """
    A producer of kafka-python behind asyncio: acks=all, idempotent, lz4.

    Its threads never touch the loop but through one wake-up for all records that were stored
    since the last. What is in flight is bounded here, since kafka-python bounds nothing.
    """

    def __init__(self, options: Mapping[str, Any], topics: Sequence[str]) -> None:
        self._options, self._topics = dict(options), tuple(topics)
        self._producer: KafkaProducer | None = None
        self._warming: asyncio.Task[None] | None = None
        self._is_ready = self._is_closing = False
        self._in_flight = self._in_flight_bytes = 0
        self._results: deque[tuple[asyncio.Future[int], int, int | Exception]] = deque()
        self._lock = threading.Lock()
        self._is_woken = False

    @property
    def is_ready(self) -> bool:
        """Whether the topics were found, so that records can be appended."""
        return self._is_ready

    async def start(self) -> None:
        """Begin to look for Kafka; returns at once, and keeps trying until `close`."""
        self._loop = asyncio.get_running_loop()
        self._warming = asyncio.create_task(self._warm())

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
        Return the record's offset once it is stored; *partition* None means: by the key.

        Cancelled or failed, the record may still be stored later.

        Raises:
            KafkaUnavailable: it may or may not be stored.
            RecordTooLarge: the topic does not take a record of this size.
        """
        size = len(value or b"") + len(key or b"")
        if not self._is_ready or self._producer is None:
            raise KafkaUnavailable("Kafka was not reached yet, or its topics are missing")
        if self._in_flight >= IN_FLIGHT_MAX or self._in_flight_bytes + size > IN_FLIGHT_MAX_BYTES:
            raise KafkaUnavailable("too many records are on their way to Kafka")
        stored: asyncio.Future[int] = self._loop.create_future()
        try:
            sent = self._producer.send(
                topic,
                value=value,
                key=key,
                headers=list((headers or {}).items()),
                partition=partition,
            )
        except _TOO_LARGE as error:
            raise RecordTooLarge(str(error)) from error
        except KafkaError as error:  # the topic vanished, or the producer is closed
            raise KafkaUnavailable(f"{type(error).__name__}: {error}") from error
        self._count(1, size)
        sent.add_callback(lambda metadata: self._hand_over(stored, size, metadata.offset))
        sent.add_errback(lambda error: self._hand_over(stored, size, error))
        # Died here: the caller has no answer, and tries again.
        return await stored

    async def close(self) -> None:
        """Wait for what is in flight, at most CLOSE_S; then every record is stored or failed."""
        self._is_ready, self._is_closing = False, True
        if self._warming is not None:
            await self._warming
        if self._producer is None:
            return
        try:
            await asyncio.to_thread(self._producer.close, CLOSE_S)
        except KafkaError as error:
            log.warning("kafka.close_failed", error=str(error))
        self._settle()

    async def _warm(self) -> None:
        reported = ""
        while not self._is_closing and not self._is_ready:
            try:
                # Died here: nothing was promised yet.
                await asyncio.to_thread(self._find_topics)
            except (KafkaError, OSError, ValueError) as error:
                if (text := f"{type(error).__name__}: {error}") != reported:
                    log.warning("kafka.unreached", error=text, topics=self._topics)
                reported = text
                await asyncio.sleep(WARM_PAUSE_S)
            else:
                self._is_ready = not self._is_closing
                log.info("kafka.reached", topics=self._topics)

    def _find_topics(self) -> None:
        if self._producer is None:
            self._producer = KafkaProducer(
                **self._options,
                client_id="quindex-ingress",
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                allow_auto_create_topics=False,
                api_version=_NEWEST_API,
                max_request_size=2 * NOTIFICATION_MAX_BYTES,
                batch_size=64 * 1024,
                max_block_ms=1_000,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
                metadata_max_age_ms=10_000,
                reconnect_backoff_max_ms=1_000,
                metrics_enabled=False,
            )
        self._producer.config["max_block_ms"] = 1_000
        for topic in self._topics:
            self._producer.partitions_for(topic)
        # From here on the loop calls it: a topic that vanishes raises, and never waits.
        self._producer.config["max_block_ms"] = 0

    def _count(self, records: int, size: int) -> None:
        self._in_flight += records
        self._in_flight_bytes += size
        kafka_in_flight_records.set(self._in_flight)

    def _hand_over(
        self, stored: asyncio.Future[int], size: int, outcome: int | Exception
    ) -> None:  # in the producer's thread
        with self._lock:
            self._results.append((stored, size, outcome))
            wake, self._is_woken = not self._is_woken, True
        if wake and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        with self._lock:
            results, self._results = self._results, deque()
            self._is_woken = False
        for stored, size, outcome in results:
            self._count(-1, -size)
            if stored.done():
                continue  # its call went on to the spool
            if isinstance(outcome, int):
                stored.set_result(outcome)
            elif isinstance(outcome, _TOO_LARGE):
                stored.set_exception(RecordTooLarge(str(outcome)))
            else:
                stored.set_exception(KafkaUnavailable(f"{type(outcome).__name__}: {outcome}"))
