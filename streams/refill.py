"""
Reads `snapshots` into indices beside the live ones: the reader of a rebuild and of a rollback.

Its progress is committed to a consumer group of its own, so that it can be stopped and resumed; it
has no members, each reader has its share of the partitions. If it dies, what was not acknowledged
is read again; versions make that harmless.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from runtime.logs import get_logger
from sinks.indexer import Indexer
from streams.ledger import Ledger
from topics.records import Received

_POLL_MS: Final = 200
_POLL_RECORDS: Final = 500
COMMIT_EVERY_S: Final = 1.0

log = get_logger(__name__)


@dataclass
class Refill:
    """One reader, of *partitions*; the indexer writes through aliases of its own."""

    topic: str
    group: str
    partitions: Collection[int]
    options: Mapping[str, Any]
    indexer: Indexer
    starts: Mapping[int, int] = field(default_factory=dict)  # where nothing was committed yet

    def __post_init__(self) -> None:
        self._ledgers = {partition: Ledger() for partition in self.partitions}
        self._positions: dict[int, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._writing: asyncio.Task[None] | None = None
        self.records = 0

    async def start(self) -> None:
        """
        Connect, and go to where the group stands.

        Raises:
            KafkaError: the brokers do not answer.
        """
        self._consumer = AIOKafkaConsumer(
            **self.options,
            group_id=self.group,
            enable_auto_commit=False,
            max_poll_records=_POLL_RECORDS,
        )
        await self._consumer.start()
        places = [TopicPartition(self.topic, partition) for partition in sorted(self.partitions)]
        self._consumer.assign(places)
        first = await self._consumer.beginning_offsets(places)
        found = await asyncio.gather(*map(self._consumer.committed, places))
        for place, committed in zip(places, found, strict=True):
            start = self.starts.get(place.partition, 0) if committed is None else committed
            self._positions[place.partition] = max(start, first[place])
            self._consumer.seek(place, self._positions[place.partition])
        self._writing = asyncio.create_task(self.indexer.run())

    async def stop(self) -> None:
        """Commit and disconnect."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._consumer is not None:
            await self._commit()
            await self._consumer.stop()

    async def ends(self) -> dict[int, int]:
        """Return where the partitions end now."""
        assert self._consumer is not None
        places = [TopicPartition(self.topic, partition) for partition in self.partitions]
        found = await self._consumer.end_offsets(places)
        return {place.partition: int(end) for place, end in found.items()}

    def raise_failure(self) -> None:
        """
        Raise what has ended the writing, if anything: who waits for room then waits for ever.

        Raises:
            SinkRefused: Elasticsearch takes nothing until a person mends something.
        """
        if self._writing is not None and self._writing.done():
            self._writing.result()

    def left(self, ends: Mapping[int, int]) -> int:
        """Return how many records there are up to *ends* that are not in the indices yet."""
        return sum(max(0, end - self._to_reached(p)) for p, end in ends.items())

    async def read_to(self, ends: Mapping[int, int]) -> None:
        """
        Read up to *ends*, and return once all of it is in the indices.

        Raises:
            SinkRefused: Elasticsearch takes nothing until a person mends something.
        """
        assert self._consumer is not None
        assert self._writing is not None
        loop = asyncio.get_running_loop()
        committed_s = loop.time()
        while self.left(ends) > 0:
            if self._writing.done():
                await self._writing  # raises what ended it
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for place, records in batches.items():
                for record in records:
                    await self._take(place.partition, record)
            for partition in self.partitions:  # a compacted log may end in a gap
                where = TopicPartition(self.topic, partition)
                self._positions[partition] = await self._consumer.position(where)
            if loop.time() - committed_s >= COMMIT_EVERY_S:
                committed_s = loop.time()
                await self._commit()
        await self._commit()

    def _to_reached(self, partition: int) -> int:
        """Return the offset up to which everything is in the indices; what lies above may be too."""
        head = self._ledgers[partition].head
        return self._positions[partition] if head is None else head

    async def _take(self, partition: int, record: Any) -> None:
        ledger = self._ledgers[partition]
        ledger.deliver(record.offset)
        self._positions[partition] = record.offset + 1
        self.records += 1
        await self.indexer.take(
            Received.of(record, acknowledge=lambda: ledger.acknowledge(record.offset))
        )

    async def _commit(self) -> None:
        assert self._consumer is not None
        offsets = {}
        for partition, ledger in self._ledgers.items():
            offset = ledger.to_commit()
            if offset is not None:
                offsets[TopicPartition(self.topic, partition)] = offset
                ledger.committed(offset)
        if offsets:
            await self._consumer.commit(offsets)
