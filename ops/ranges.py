"""Reads ranges of several partitions at once, bounded by count and time: what commands look at."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from ops.connections import topics_missing
from ops.seen import Place, Seen
from runtime.clock import Clock

FETCH_MAX_BYTES: Final = 256 * 1024
"""Of one partition at once: heads and tails are looked at, not whole topics."""
STOP_MAX_S: Final = 1.0
_POLL_MS: Final = 50


@dataclass
class RangeReader:
    """One consumer without a group; its methods are called one after the other."""

    consumer: Any
    clock: Clock  # time.monotonic

    async def bounds(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """
        Return the first and the next offset of each partition.

        Raises:
            Refused: a topic is missing; nobody would say so, and the brokers be asked for long.
        """
        where = [TopicPartition(*place) for place in places]
        if not where:
            return {}
        there = await self.consumer.topics()
        if missing := sorted({topic for topic, _ in places} - there):
            raise topics_missing(missing)
        first = await self.consumer.beginning_offsets(where)
        end = await self.consumer.end_offsets(where)
        return {(tp.topic, tp.partition): (first[tp], end[tp]) for tp in where}

    async def offsets_since(self, places: Sequence[Place], since_s: float) -> dict[Place, int]:
        """Return the first offset appended since, of the partitions that have one."""
        times = {TopicPartition(*place): max(0, int(since_s * 1000)) for place in places}
        found = await self.consumer.offsets_for_times(times) if times else {}
        return {(tp.topic, tp.partition): at.offset for tp, at in found.items() if at is not None}

    async def read(
        self,
        ranges: Mapping[Place, tuple[int, int]],
        *,
        within_s: float,
        is_enough: Callable[[Seen], bool] | None = None,
        keep: Callable[[Seen], bool] | None = None,
    ) -> tuple[list[Seen], bool]:
        """
        Return the records from each start to before each end, and whether that is all of them.

        *is_enough* says of a record that no later one of its partition is wanted; *keep* says
        which are kept.
        """
        left = {
            TopicPartition(*place): bounds
            for place, bounds in ranges.items()
            if bounds[0] < bounds[1]
        }
        if not left:
            return [], True
        records: list[Seen] = []
        deadline_s = self.clock() + within_s
        self.consumer.assign(list(left))
        for where, (start, _) in left.items():
            self.consumer.seek(where, start)
        while left:
            if self.clock() > deadline_s:
                return records, False
            batch = await self.consumer.getmany(*left, timeout_ms=_POLL_MS)
            for where, found in batch.items():
                inside = [each for each in map(to_seen, found) if each.offset < left[where][1]]
                wanted = _to_wanted(inside, is_enough)
                records += [each for each in wanted if keep is None or keep(each)]
                if is_enough is not None and wanted and is_enough(wanted[-1]):
                    del left[where]
            for where in list(left):  # compacted away records at the end come in no batch
                if await self.consumer.position(where) >= left[where][1]:
                    del left[where]
        return records, True


@asynccontextmanager
async def open_ranges(options: Mapping[str, Any], clock: Clock) -> AsyncIterator[RangeReader]:
    """
    Yield a reader that is connected.

    Raises:
        KafkaError: the brokers do not answer.
    """
    consumer = AIOKafkaConsumer(
        **options,
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_MAX_BYTES,
        fetch_max_wait_ms=_POLL_MS,  # the fetch of one reading holds up the next one
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        yield RangeReader(consumer, clock)
    finally:
        # A task of aiokafka's that has not begun would take the end for a cancellation of ours.
        await asyncio.sleep(0)
        # And one that cancels its fetches of an earlier assignment takes it for theirs and goes on;
        # the timeout cancels it once more, and the rest of `stop` follows.
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_MAX_S):
                await consumer.stop()


def to_seen(record: Any) -> Seen:
    """Return one of aiokafka's records; a header may be null, whatever the types say."""
    return Seen(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp / 1000,
        record.key,
        record.value,
        {name: value or b"" for name, value in record.headers or ()},
    )


def _to_wanted(records: Sequence[Seen], is_enough: Callable[[Seen], bool] | None) -> Sequence[Seen]:
    if is_enough is None:
        return records
    enough = next((n for n, each in enumerate(records) if is_enough(each)), len(records))
    return records[: enough + 1]
