"""Appends to Kafka from an event loop that must never wait for it."""

import asyncio
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ingress.producers import (
    close_producer,
    create_producer,
    ends_producer,
    find_topics,
    is_too_large,
)
from runtime.errors import KafkaUnavailable, RecordTooLarge
from runtime.logs import get_logger
from runtime.metrics import kafka_in_flight_records

IN_FLIGHT_MAX: Final = 2_000
IN_FLIGHT_MAX_BYTES: Final = 16 * 1024 * 1024
WARM_PAUSE_S: Final = 0.5
SILENT_MAX_S: Final = 60.0
"""A producer that fails and has stored nothing for so long is replaced, in case it is stuck."""

log = get_logger(__name__)


class KafkaPublisher:
    """
    A producer of kafka-python behind asyncio; replaced when it is of no further use.

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
        self._stored_s = self._loop.time()
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
        except KafkaError as error:  # too large for any topic, or its topic vanished
            if is_too_large(error):
                raise RecordTooLarge(str(error)) from error
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
        if self._producer is not None:
            await asyncio.to_thread(close_producer, self._producer)
        self._settle()

    async def _warm(self) -> None:
        reported = ""
        while not self._is_closing:
            try:
                # Died here: nothing was promised yet.
                await asyncio.to_thread(self._find)
            except (KafkaError, OSError, ValueError) as error:
                if (text := f"{type(error).__name__}: {error}") != reported:
                    log.warning("kafka.unreached", error=text, topics=self._topics)
                reported = text
                await asyncio.sleep(WARM_PAUSE_S)
            else:
                self._is_ready = not self._is_closing
                log.info("kafka.reached", topics=self._topics)
                return

    def _find(self) -> None:
        if self._producer is None:
            self._producer = create_producer(self._options)
        find_topics(self._producer, self._topics)

    async def _replace(self, ended: KafkaProducer) -> None:
        await asyncio.to_thread(close_producer, ended)
        await self._warm()

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
        if any(isinstance(outcome, int) for _, _, outcome in results):
            self._stored_s = self._loop.time()
        for stored, size, outcome in results:
            is_alone = self._in_flight == 1
            self._count(-1, -size)
            if not isinstance(outcome, int):
                self._judge(outcome)
            if stored.done():
                continue  # its call went on to the spool
            if isinstance(outcome, int):
                stored.set_result(outcome)
            elif is_alone and is_too_large(outcome):
                stored.set_exception(RecordTooLarge(str(outcome)))
            else:
                # With others in flight, nobody knows which of them was too large.
                stored.set_exception(KafkaUnavailable(f"{type(outcome).__name__}: {outcome}"))

    def _judge(self, error: Exception) -> None:
        now_s = self._loop.time()
        is_silent = now_s - self._stored_s > SILENT_MAX_S
        if self._is_ready and self._producer and (ends_producer(error) or is_silent):
            log.warning("kafka.producer_replaced", error=f"{type(error).__name__}: {error}")
            ended, self._producer = self._producer, None
            self._is_ready, self._stored_s = False, now_s
            self._warming = asyncio.create_task(self._replace(ended))
