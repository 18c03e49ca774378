"""Appends to Kafka from an event loop that must never wait for it."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from ingress.producers import (
    DELIVERY_TIMEOUT_MS,
    append_record,
    close_producer,
    create_producer,
    discard_producer,
    ends_producer,
    find_topics,
    is_refused,
    wake_producer,
)
from ingress.sending import Outcome, Sending
from runtime.errors import KafkaRefused, KafkaUnavailable
from runtime.logs import get_logger
from runtime.metrics import kafka_in_flight_records

IN_FLIGHT_MAX: Final = 2_000
IN_FLIGHT_MAX_BYTES: Final = 16 * 1024 * 1024
GATHER_S: Final = 0.004
"""How long records wait at most for others while there are some on their way."""
WARM_PAUSE_S: Final = 0.5
FIND_TRIES_MAX: Final = 20
"""A producer that has not found the topics by then is replaced, in case it is stuck."""
WATCH_PAUSE_S: Final = 0.5
STUCK_S: Final = DELIVERY_TIMEOUT_MS / 1000 + 1
"""By then a record is stored or failed; where it is neither, its producer is stuck."""
REFUSED_PAUSE_S: Final = 60.0
"""How long a topic that was refused is left alone: each try costs the producer, and what it holds."""

log = get_logger(__name__)


class KafkaPublisher:
    """
    A producer of kafka-python behind asyncio; replaced when it is of no further use.

    Every hand-over between loop and thread costs both of them more than a record does. So records
    are handed over in groups: at once while nothing is on its way, else every GATHER_S; and what
    was stored comes back by one wake-up for all records since the last. What is in flight is
    bounded here, since kafka-python bounds nothing. Of the *topics*, only the first must be there:
    what is appended to another one is refused until Kafka shows it.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Sequence[str],
        *,
        refused_pause_s: float = REFUSED_PAUSE_S,
    ) -> None:
        self._options, self._topics = dict(options), tuple(topics)
        self._refused_pause_s = refused_pause_s
        self._refused_until_s: dict[str, float] = {}
        self._producer: KafkaProducer | None = None
        self._warming: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._is_ready = self._is_closing = False
        self._hidden: list[str] = []
        self._in_flight: dict[Sending, None] = {}  # oldest first
        self._in_flight_bytes = 0
        self._gathered: list[Sending] = []  # the part of it that has yet to be handed over
        self._results: deque[tuple[Sending, Outcome]] = deque()
        self._lock = threading.Lock()
        # Its own: a disk that hangs may hold the threads of the loop's.
        self._executor = ThreadPoolExecutor(1, "kafka")
        self._is_woken = False

    @property
    def is_ready(self) -> bool:
        """Whether the first topic was found, so that records can be appended."""
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
            KafkaRefused: it takes none: a right is missing, or the topic is.
        """
        if not self._is_ready:
            raise KafkaUnavailable("Kafka was not reached yet, or its topic is missing")
        if self._loop.time() < self._refused_until_s.get(topic, 0.0):
            raise KafkaRefused(f"{topic} was refused a short while ago")
        sending = Sending(
            topic,
            partition,
            key,
            value,
            list(headers.items()) if headers else [],
            self._loop.create_future(),
            self._loop.time(),
        )
        if (
            len(self._in_flight) >= IN_FLIGHT_MAX
            or self._in_flight_bytes + sending.size > IN_FLIGHT_MAX_BYTES
        ):
            raise KafkaUnavailable("too many records are on their way to Kafka")
        if not self._gathered:
            if self._in_flight:
                self._loop.call_later(GATHER_S, self._send_gathered)
            else:
                self._loop.call_soon(self._send_gathered)
        self._gathered.append(sending)
        self._in_flight[sending] = None
        self._in_flight_bytes += sending.size
        # Died here: the caller has no answer, and tries again.
        return await sending.stored

    async def close(self) -> None:
        """Wait for what is in flight, at most CLOSE_S; then every record is stored or failed."""
        self._send_gathered()
        self._is_ready, self._is_closing = False, True
        if self._watching is not None:
            self._watching.cancel()
        if self._warming is not None:
            await self._warming
        if self._producer is not None:
            await self._call(close_producer, self._producer)
        self._executor.shutdown(wait=False)
        self._settle()

    async def _call(self, blocking: Callable[..., None], *args: object) -> None:
        await self._loop.run_in_executor(self._executor, blocking, *args)

    async def _warm(self) -> None:
        reported = ""
        tries = 0
        while not self._is_closing:
            try:
                # Died here: nothing was promised yet.
                await self._call(self._find, tries)
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
        hidden = find_topics(self._producer, self._topics)
        if hidden and hidden != self._hidden:
            log.warning("kafka.topics_hidden", topics=hidden)
        self._hidden = hidden

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_PAUSE_S)
            oldest = next(iter(self._in_flight), None)
            if oldest is not None and self._loop.time() - oldest.since_s > STUCK_S:
                self._replace("it neither stored nor failed a record")

    def _replace(self, why: str) -> None:
        if self._is_ready and self._producer is not None:
            log.warning("kafka.producer_replaced", why=why)
            ended, self._producer, self._is_ready = self._producer, None, False
            self._warming = asyncio.create_task(self._warm_after(ended))

    async def _warm_after(self, ended: KafkaProducer) -> None:
        await self._call(discard_producer, ended)
        await self._warm()

    def _send_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        for sending in gathered:
            if sending.stored.done():  # its call went on to the spool
                self._end(sending)
            elif self._producer is None or not self._is_ready:
                self._settle_one(sending, KafkaUnavailable("its producer has just ended"))
            else:
                self._send(self._producer, sending)
        if gathered and self._producer is not None:
            wake_producer(self._producer)
        kafka_in_flight_records.set(len(self._in_flight))

    def _send(self, producer: KafkaProducer, sending: Sending) -> None:
        try:
            if sending.key is not None and sending.partition is None:
                sent = append_record(
                    producer, sending.topic, sending.key, sending.value, sending.headers
                )
            else:
                sent = producer.send(
                    sending.topic,
                    value=sending.value,
                    key=sending.key,
                    headers=sending.headers,
                    partition=sending.partition,
                )
        except KafkaTimeoutError:  # it would have to ask: the topic has gone, or is not shown to us
            text = f"{sending.topic} is not among the topics that Kafka shows"
            self._settle_one(sending, KafkaRefused(text))
            return
        except Exception as error:  # noqa: BLE001 (too large for any topic)
            self._settle_one(sending, error, is_alone=True)
            return
        hand_back = partial(self._hand_back, sending)
        sent.add_callback(hand_back)
        sent.add_errback(hand_back)

    def _hand_back(self, sending: Sending, outcome: Outcome) -> None:
        # In the producer's thread.
        self._results.append((sending, outcome))
        with self._lock:
            wake, self._is_woken = not self._is_woken, True
        if wake and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        with self._lock:
            self._is_woken = False
        while self._results:
            sending, outcome = self._results.popleft()
            if isinstance(outcome, Exception) and ends_producer(outcome):
                if is_refused(outcome, sending.topic):
                    until_s = self._loop.time() + self._refused_pause_s
                    self._refused_until_s[sending.topic] = until_s
                self._replace(f"{type(outcome).__name__}: {outcome}")
            self._settle_one(sending, outcome, is_alone=len(self._in_flight) == 1)
        kafka_in_flight_records.set(len(self._in_flight))

    def _settle_one(self, sending: Sending, outcome: Outcome, *, is_alone: bool = False) -> None:
        self._end(sending)
        sending.settle(outcome, is_alone=is_alone)

    def _end(self, sending: Sending) -> None:
        del self._in_flight[sending]
        self._in_flight_bytes -= sending.size
