"""Kafka in memory: a log that stores late, stores twice, goes down, and is compacted."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from runtime.errors import KafkaUnavailable
from streams.log_reader import Read
from streams.publisher import METADATA_MAX_AGE_MS
from tests.simulated.network import Line
from topics.partitions import to_partition

_REPEATED_SHARE: Final = 0.03
"""Of the appends are stored twice: the first answer was lost."""
_REPEAT_AFTER_S: Final = 3.0
_ENDS_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A record where it lies."""

    partition: int
    offset: int
    appended_s: float  # by the broker's clock
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


@dataclass(slots=True)
class Partition:
    """Records in order, gaps where compaction has been, and where it ends."""

    records: list[Stored] = field(default_factory=list)
    end: int = 0
    compacted: int = 0

    def read(self, start: int, *, records_max: int) -> list[Stored]:
        """Return what lies at *start* and behind it."""
        low, high = 0, len(self.records)
        while low < high:
            middle = (low + high) // 2
            if self.records[middle].offset < start:
                low = middle + 1
            else:
                high = middle
        return self.records[low : low + records_max]

    def compact(self) -> None:
        """Keep the last of each key."""
        last = {record.key: record.offset for record in self.records}
        kept = [record for record in self.records if last[record.key] == record.offset]
        self.compacted += len(self.records) - len(kept)
        self.records = kept


@dataclass
class Log:
    """All topics of one cluster; *skew_s* is how far its clock is from the world's."""

    clock: Callable[[], float]
    skew_s: float = 0.0
    is_down: bool = False
    topics: dict[str, list[Partition]] = field(default_factory=dict)
    history: dict[str, list[Stored]] = field(default_factory=dict)  # what compaction took too
    # In the order in which they came: that of a set would be another one in each process.
    _listeners: dict[tuple[str, int], dict[asyncio.Event, None]] = field(default_factory=dict)
    up: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.up.set()

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic, or raise the number of its partitions."""
        self.history.setdefault(topic, [])
        made = self.topics.setdefault(topic, [])
        made += [Partition() for _ in range(partitions - len(made))]

    def choose(self, topic: str, key: bytes | None) -> int:
        """Return the partition of a key."""
        return to_partition(key or b"", len(self.topics[topic]))

    def store(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes],
        partition: int | None = None,
    ) -> Stored:
        """Append at once."""
        chosen = self.choose(topic, key) if partition is None else partition
        target = self.topics[topic][chosen]
        record = Stored(chosen, target.end, self.clock() + self.skew_s, key, value, dict(headers))
        target.records.append(record)
        self.history[topic].append(record)
        target.end += 1
        for listener in self._listeners.pop((topic, chosen), ()):
            listener.set()
        return record

    async def wait(self, positions: Mapping[TP, int]) -> None:
        """Return once there is something to read at any of the positions."""
        event = asyncio.Event()
        for tp, position in positions.items():
            if self.topics[tp.topic][tp.partition].end > position:
                return
            self._listeners.setdefault((tp.topic, tp.partition), {})[event] = None
        await event.wait()

    def of(self, topic: str) -> list[Stored]:
        """Return what lies in a topic, partition by partition."""
        return [record for partition in self.topics[topic] for record in partition.records]

    def fail(self) -> None:
        """Stop answering."""
        self.is_down = True
        self.up.clear()

    def recover(self) -> None:
        """Answer again."""
        self.is_down = False
        self.up.set()


@dataclass
class LogPublisher:
    """
    Appends as `streams/publisher.py` does, until it succeeds, in the order of the calls.

    What timed out may be there.
    """

    log: Log
    line: Line
    random: Random
    repeated_share: float = _REPEATED_SHARE
    _turns: dict[tuple[str, int], asyncio.Lock] = field(default_factory=dict)
    _known: dict[str, tuple[int, float]] = field(default_factory=dict)  # partitions, and since when

    async def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> int:
        """Return the record's offset once it is stored and the answer has come."""
        chosen = self._choose(topic, key) if partition is None else partition
        async with self._turns.setdefault((topic, chosen), asyncio.Lock()):
            while True:
                self.line.appending[topic] += 1
                try:
                    await self.line.send()
                    await self.log.up.wait()
                finally:
                    self.line.appending[topic] -= 1
                stored = self.log.store(topic, key, value, headers or {}, chosen)
                if self.random.random() >= self.repeated_share:
                    await self.line.receive()
                    return stored.offset
                await asyncio.sleep(_REPEAT_AFTER_S)

    def _choose(self, topic: str, key: bytes | None) -> int:
        """Return the partition of a key, by what the producer knows: it asks now and then."""
        now_s = self.log.clock()
        partitions, since_s = self._known.get(topic, (0, -METADATA_MAX_AGE_MS))
        if now_s - since_s >= METADATA_MAX_AGE_MS / 1000:
            partitions = len(self.log.topics[topic])
            self._known[topic] = partitions, now_s
        return to_partition(key or b"", partitions)


@dataclass
class LogEnds:
    """End offsets of the partitions that there were when the worker started."""

    log: Log
    topic: str
    line: Line
    partitions: int = 0

    def __post_init__(self) -> None:
        self.partitions = len(self.log.topics[self.topic])

    async def read(self) -> Mapping[int, int]:
        """Return them as of some moment between question and answer."""
        await self.line.send()
        if self.log.is_down:
            await asyncio.sleep(_ENDS_WITHIN_S)
            raise KafkaUnavailable(f"no end offsets of {self.topic}")
        partitions = self.log.topics[self.topic][: self.partitions]
        found = {number: partition.end for number, partition in enumerate(partitions)}
        await self.line.receive()
        return found


@dataclass
class LogReader:
    """Reads the first partition of a small topic whole; *error* is raised if nobody answers."""

    log: Log
    topic: str
    line: Line
    error: Exception = field(default_factory=KafkaConnectionError)

    async def read(self, start: int = 0) -> list[Read]:
        """Return its records from *start* on."""
        await self.line.send()
        if self.log.is_down:
            await asyncio.sleep(_ENDS_WITHIN_S)
            raise self.error
        records = self.log.topics[self.topic][0].read(start, records_max=1_000_000)
        found = [Read(each.offset, each.appended_s, each.key, each.value) for each in records]
        await self.line.receive()
        return found
