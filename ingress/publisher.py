"""Appends to Kafka from an event loop that must never wait for it."""

import asyncio
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ingress.producers import (
    DELIVERY_TIMEOUT_MS,
    close_producer,
    create_producer,
    discard_producer,
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
FIND_TRIES_MAX: Final = 20
"""A producer that has not found the topics by then is replaced, in case it is stuck."""
WATCH_PAUSE_S: Final = 0.5
STUCK_S: Final = DELIVERY_TIMEOUT_MS / 1000 + 1
"""By then a record is stored or failed; where it is neither, its producer is stuck."""

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
        self._watching: asyncio.Task[None] | None = None
        self._is_ready = self._is_closing = False
        self._in_flight: dict[asyncio.Future[int], float] = {}  # since when; oldest first
        self._in_flight_bytes = 0
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
        self._watching = asyncio.create_task(self._watch())

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
        if (
            len(self._in_flight) >= IN_FLIGHT_MAX
            or self._in_flight_bytes + size > IN_FLIGHT_MAX_BYTES
        ):
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
        self._in_flight[stored] = self._loop.time()
        self._in_flight_bytes += size
        kafka_in_flight_records.set(len(self._in_flight))
        sent.add_callback(lambda metadata: self._hand_over(stored, size, metadata.offset))
        sent.add_errback(lambda error: self._hand_over(stored, size, error))
        # Died here: the caller has no answer, and tries again.
        return await stored

    async def close(self) -> None:
        """Wait for what is in flight, at most CLOSE_S; then every record is stored or failed."""
        self._is_ready, self._is_closing = False, True
        if self._watching is not None:
            self._watching.cancel()
        if self._warming is not None:
            await self._warming
        if self._producer is not None:
            await asyncio.to_thread(close_producer, self._producer)
        self._settle()

    async def _warm(self) -> None:
        reported = ""
        tries = 0
        while not self._is_closing:
            try:
                # Died here: nothing was promised yet.
                await asyncio.to_thread(self._find, tries)
            except (KafkaError, OSError, ValueError) as error:
                tries += 1
                if (text := f"{type(error).__name__}: {error}") != reported:
                    log.warning("kafka.unreached", error=text, topics=self._topics)
                reported = text
                await asyncio.sleep(WARM_PAUSE_S)
            else:
                self._is_ready = not self._is_closing
                log.info("kafka.reached", topics=self._topics)
                return

    def _find(self, tries: int) -> None:
        if self._producer is not None and tries and tries % FIND_TRIES_MAX == 0:
            discard_producer(self._producer)
            self._producer = None
        if self._producer is None:
            self._producer = create_producer(self._options)
        find_topics(self._producer, self._topics)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_PAUSE_S)
            oldest_s = next(iter(self._in_flight.values()), None)
            if oldest_s is not None and self._loop.time() - oldest_s > STUCK_S:
                self._replace("it neither stored nor failed a record")

    def _replace(self, why: str) -> None:
        if self._is_ready and self._producer is not None:
            log.warning("kafka.producer_replaced", why=why)
            ended, self._producer, self._is_ready = self._producer, None, False
            self._warming = asyncio.create_task(self._warm_after(ended))

    async def _warm_after(self, ended: KafkaProducer) -> None:
        await asyncio.to_thread(discard_producer, ended)
        await self._warm()

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
            is_alone = len(self._in_flight) == 1
            del self._in_flight[stored]
            self._in_flight_bytes -= size
            if not isinstance(outcome, int) and ends_producer(outcome):
                self._replace(f"{type(outcome).__name__}: {outcome}")
            if stored.done():
                continue  # its call went on to the spool
            if isinstance(outcome, int):
                stored.set_result(outcome)
            elif is_alone and is_too_large(outcome):
                stored.set_exception(RecordTooLarge(str(outcome)))
            else:
                # With others in flight, nobody knows which of them was too large.
                stored.set_exception(KafkaUnavailable(f"{type(outcome).__name__}: {outcome}"))
        kafka_in_flight_records.set(len(self._in_flight))
