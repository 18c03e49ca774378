"""A stage of a worker, fed by Faust as a worker does, or by a bare aiokafka consumer."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from pim.kinds import Kind
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from sinks.batches import BatchFormer
from sinks.held import Held
from sinks.indexer import Indexer
from sinks.memory import MemorySink
from streams.app import Stages, create_app
from streams.debounce import DebounceBuffer, Timing
from streams.debounce_stage import Debouncer
from streams.ledger import Ledger
from streams.stage import Stage
from streams.worker import Worker
from tests.integration.bare_bulks import CHAINS
from tests.integration.catalog_index import TYPES
from topics.dead_letters import DeadLetters
from topics.memory import MemoryPublisher
from topics.names import TopicNames
from topics.records import Received

COMMIT_EVERY_S: Final = 1.0
FETCH_MAX_BYTES: Final = 1024 * 1024
POLL_MAX_RECORDS: Final = 500
POLL_WAIT_MS: Final = 250
"""All as a worker has it."""


class Nowhere(MemoryPublisher):
    """Keeps nothing."""

    async def append(self, *_: Any, **__: Any) -> int:
        """Store it, so to speak."""
        return 0


class Answering(MemorySink):
    """Takes everything at once, and keeps nothing that grows."""

    async def write(self, writes: Any) -> Any:
        """Write."""
        self.bulks.clear()
        return await super().write(writes)


@dataclass
class Count:
    """Stands before a stage, and notes when the first and the last record came."""

    stage: Stage
    records: int
    done: asyncio.Event = field(default_factory=asyncio.Event)
    taken: int = 0
    began: tuple[float, float] = (0.0, 0.0)
    ended: tuple[float, float] = (0.0, 0.0)

    @property
    def waits_for(self) -> str | None:
        """The stage's."""
        return self.stage.waits_for

    async def take(self, received: Received) -> None:
        """Hand it on."""
        if not self.taken:
            self.began = time.perf_counter(), time.process_time()
        await self.stage.take(received)
        self.taken += 1
        if self.taken == self.records:
            self.ended = time.perf_counter(), time.process_time()
            self.done.set()

    async def run(self) -> None:
        """Run the stage."""
        await self.stage.run()

    def drop(self) -> None:
        """Drop what it holds."""
        self.stage.drop()

    async def drain(self) -> None:
        """Finish what it holds."""
        await self.stage.drain()


class Idle:
    """Takes nothing."""

    waits_for = None

    async def take(self, received: Received) -> None:
        """Nothing comes."""

    async def run(self) -> None:
        """Do nothing."""
        await asyncio.Event().wait()

    def drop(self) -> None:
        """Hold nothing."""

    async def drain(self) -> None:
        """Hold nothing."""


def to_stage(name: str, topics: TopicNames) -> Stage:
    """Return the real stage, whose output goes to memory."""
    letters = DeadLetters(Nowhere(), topics.dead_letters, name, time.time)
    if name == "debounce":
        timing = Timing(0.2, 2.0, 15.0)
        buffer: DebounceBuffer[Received] = DebounceBuffer(timing, keys_max=50_000, clock=time.time)
        return Debouncer(
            buffer=buffer,
            publisher=Nowhere(),
            dead_letters=letters,
            topics=topics,
            kinds=list(Kind),
            clock=time.time,
        )
    return Indexer(
        sink=Answering([f"quindex-{locale.lower()}" for locale in CHAINS]),
        dead_letters=letters,
        index_prefix="quindex",
        chains=CHAINS,
        types=TYPES,
        former=BatchFormer[Held](clock=time.monotonic),
        clock=time.monotonic,
        wall=time.time,
    )


async def by_faust(settings: Settings, name: str, count: Count) -> None:
    """Feed the stage as a worker does."""
    idle = Idle()
    stages = Stages(
        debounce=count if name == "debounce" else idle,
        fetch=idle,
        index=count if name == "index" else idle,
    )
    worker = Worker(create_app(settings, stages), stages)
    running = asyncio.create_task(worker.run())
    await count.done.wait()
    worker.stop()
    await running


async def by_hand(settings: Settings, name: str, count: Count) -> None:
    """Feed the stage by aiokafka alone, with the same ledger."""
    topics = TopicNames(settings.topic_prefix)
    topic = topics.notifications if name == "debounce" else topics.snapshots
    consumer = AIOKafkaConsumer(
        topic,
        **to_aiokafka_options(settings),
        group_id=f"{settings.topic_prefix}-bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=FETCH_MAX_BYTES,
    )
    await consumer.start()
    ledgers: dict[TopicPartition, Ledger] = {}
    running = [
        asyncio.create_task(count.run()),
        asyncio.create_task(_commit_forever(consumer, ledgers)),
    ]
    while not count.done.is_set():
        for where, records in (
            await consumer.getmany(timeout_ms=POLL_WAIT_MS, max_records=POLL_MAX_RECORDS)
        ).items():
            ledger = ledgers.setdefault(where, Ledger())
            for record in records:
                ledger.deliver(record.offset)
                await count.take(Received.of(record, partial(ledger.acknowledge, record.offset)))
    for task in running:
        task.cancel()
    await consumer.stop()


async def _commit_forever(
    consumer: AIOKafkaConsumer, ledgers: dict[TopicPartition, Ledger]
) -> None:
    while True:
        await asyncio.sleep(COMMIT_EVERY_S)
        offsets = {
            where: offset
            for where, ledger in ledgers.items()
            if (offset := ledger.to_commit()) is not None
        }
        if offsets:
            await consumer.commit(offsets)
            for where, offset in offsets.items():
                ledgers[where].committed(offset)
