"""
Rebuild and rollback: readers are moved to other indices without a lost write.

(1) new indices, (2) filled from `snapshots` until the lag is near 0, (3) compared with the live
ones, (4) noted, swapped, fenced, (5) read on to where `snapshots` ends after the fence. Whatever
the index stage still wrote to an old index lies before that end, and versions make the overlap
harmless. A rollback is (4) and (5) towards the previous indices, from the offsets noted before.

If the process dies:
  in (1) to (3)  the next `quindex rebuild` resumes it: the group knows how far it came
  in (4)         before the swap: the same; after it: a worker, or the command, completes (5)
  in (5)         the same
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.errors import KafkaError
from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from runtime.clock import Clock
from runtime.errors import Refused
from runtime.kafka_options import to_aiokafka_options
from runtime.logs import get_logger
from runtime.settings import Settings
from sinks.agreement import Findings, compare_generations
from sinks.attribute_rules import NO_RULES, AttributeRules
from sinks.batches import BatchFormer
from sinks.elasticsearch import ElasticsearchSink
from sinks.generations import (
    create_filling,
    lift,
    list_indices,
    point_filling,
    read_live_indices,
    remove_filling,
    restore_settings,
    swap,
    to_filling_prefix,
    to_next_number,
)
from sinks.indexer import Indexer
from sinks.tombstones import KEPT_S
from sinks.transfers import Phase, Stored, Transfer, advance, read_transfer, store_transfer
from sinks.writes import SinkRefused
from streams.refill import Refill
from topics.creation import TopicState
from topics.dead_letters import DeadLetters
from topics.names import TopicNames
from topics.records import Publisher

LAG_NEAR_0: Final = 100
_ROUNDS_MAX: Final = 100
COMPARE_TRIES: Final = 5
WATCH_EVERY_S: Final = 10.0
BEAT_EVERY_S: Final = 5.0
STOPPED_AFTER_S: Final = 20.0
"""After its last sign of life, a transfer that was swapped is completed by a worker."""
_COMPARE_PAUSE_S: Final = 2.0

log = get_logger(__name__)

Report = Callable[[str, int, int], None]
"""Told what is being done, how many records are read, and how many are left."""


@dataclass
class Rebuild:
    """Moves readers to other indices; *committed* returns the index stage's committed offsets."""

    settings: Settings
    client: AsyncElasticsearch
    publisher: Publisher
    snapshots: TopicState
    committed: Callable[[], Mapping[int, int]]
    types: Mapping[str, Any]
    report: Report
    rules: AttributeRules = NO_RULES
    clock: Clock = time.time

    async def begin(self) -> Stored:
        """
        Return the rebuild to go on with, begun anew if none was stopped.

        One that was stopped is not gone on with where that would miss something; its indices stay.

        Raises:
            Refused: another transfer has been swapped and not completed.
        """
        seen = await read_transfer(self.client, self._prefix)
        if seen is not None and seen.transfer.phase is Phase.SWAPPED:
            raise Refused(
                f"A {seen.transfer.kind} was swapped and not completed. A worker completes it "
                "within a minute; or run quindex rebuild --complete."
            )
        if seen is not None and seen.transfer.phase is Phase.FILLING:
            obsolete = await self._find_obsolete(seen.transfer)
            if obsolete is None:
                return seen
            log.warning("rebuild.begun_anew", instead_of=dict(seen.transfer.target), why=obsolete)
        locales = self.settings.locales
        number = to_next_number(await list_indices(self.client, self._prefix, locales))
        target = await create_filling(self.client, self._prefix, locales, number, self.rules)
        # Who was slower than a worker that completed its swap may have left these aliases behind.
        await point_filling(self.client, self._prefix, target)
        transfer = Transfer(
            kind="rebuild",
            phase=Phase.FILLING,
            number=number,
            target=target,
            previous=await read_live_indices(self.client, self._prefix, locales),
            topic_id=self.snapshots.topic_id,
            noted={},
            began_s=self.clock(),
            beat_s=self.clock(),
        )
        return await self._store(transfer, seen)

    async def fill(self, stored: Stored, partitions: Collection[int]) -> int:
        """Read *partitions* up to where they end now; return how many records that were."""
        async with self._reading(stored.transfer, partitions) as refill:
            await self._read_to(refill, await refill.ends(), "filling")
            return refill.records

    async def complete_fill(self, stored: Stored) -> None:
        """Read until the lag is near 0, then make what was read searchable."""
        async with self._reading(stored.transfer, self._all_partitions) as refill:
            for _ in range(_ROUNDS_MAX):
                ends = await refill.ends()
                await self._read_to(refill, ends, "catching up")
                if refill.left(await refill.ends()) <= LAG_NEAR_0:
                    break
        await restore_settings(self.client, stored.transfer.target)

    async def compare(self, stored: Stored) -> Findings:
        """Compare with the live indices; differences that edits explain pass within some tries."""
        findings = Findings()
        for _ in range(COMPARE_TRIES):
            filled_s = self.clock()
            await self.fill(stored, self._all_partitions)
            findings = await compare_generations(
                self.client, self._prefix, stored.transfer.target, filled_s=filled_s
            )
            if not findings.problems:
                break
            await asyncio.sleep(_COMPARE_PAUSE_S)
        return findings

    async def swap(self, stored: Stored) -> Stored:
        """Note where things stand, move all readers at once, fence the old indices."""
        transfer = advance(
            stored.transfer,
            phase=Phase.SWAPPED,
            noted=dict(self.committed()),
            previous=await read_live_indices(self.client, self._prefix, self.settings.locales),
            swapped_s=self.clock(),
            beat_s=self.clock(),
        )
        # Noted first: a process that dies in between is completed, and a swap is repeatable.
        swapped = await self._store(transfer, stored)
        await self._swap(transfer)
        return swapped

    async def complete(self, stored: Stored) -> int:
        """
        Repeat the swap, which may not have happened, and read on to the end after the fence.

        Raises:
            Refused: somebody else completes it, or has completed it.
        """
        transfer = stored.transfer

        async def beat() -> None:
            nonlocal stored
            if self.clock() - stored.transfer.beat_s >= BEAT_EVERY_S:
                stored = await self._store(advance(transfer, beat_s=self.clock()), stored)

        await beat()
        await self._swap(transfer)
        async with self._reading(transfer, self._all_partitions) as refill:
            await self._read_to(refill, await refill.ends(), "reading on", beat)
            records = refill.records
        await self._store(advance(transfer, phase=Phase.DONE, beat_s=self.clock()), stored)
        await remove_filling(self.client, self._prefix, transfer.target)
        log.info("transfer.completed", kind=transfer.kind, records=records)
        return records

    async def find_rollback(self) -> tuple[Transfer, Stored]:
        """
        Return what a rollback would be, and what was there before it.

        Raises:
            Refused: there is nothing to go back to, or it has been kept for too long.
        """
        seen = await read_transfer(self.client, self._prefix)
        if seen is None or seen.transfer.phase is not Phase.DONE or not seen.transfer.previous:
            raise Refused("There is no completed rebuild to go back from.")
        last = seen.transfer
        if (obsolete := self._to_obsolete(last)) is not None:
            raise Refused(f"{obsolete} Run quindex rebuild instead.")
        for index in last.previous.values():
            if not await self.client.indices.exists(index=index):
                raise Refused(f"The index {index} is gone; run quindex rebuild instead.")
        indices = await list_indices(self.client, self._prefix, self.settings.locales)
        transfer = Transfer(
            kind="rollback",
            phase=Phase.SWAPPED,
            number=to_next_number(indices),
            target=last.previous,
            previous=last.target,
            topic_id=last.topic_id,
            noted=last.noted,
            began_s=self.clock(),
            swapped_s=self.clock(),
            beat_s=self.clock(),
        )
        return transfer, seen

    async def roll_back(self) -> Stored:
        """
        Move all readers back to the indices of before the last rebuild; `complete` comes next.

        Raises:
            Refused: as `find_rollback`.
        """
        transfer, seen = await self.find_rollback()
        stored = await self._store(transfer, seen)
        await self._swap(transfer)
        return stored

    async def _swap(self, transfer: Transfer) -> None:
        await lift(self.client, transfer.target)
        await point_filling(self.client, self._prefix, transfer.target)
        # A locale that the new indices lack keeps its index, and that one is still written to.
        previous = {
            locale: transfer.previous[locale]
            for locale, index in transfer.target.items()
            if transfer.previous.get(locale, index) != index
        }
        await swap(self.client, self._prefix, target=transfer.target, previous=previous)

    @asynccontextmanager
    async def _reading(
        self, transfer: Transfer, partitions: Collection[int]
    ) -> AsyncIterator[Refill]:
        topics = TopicNames(self.settings.topic_prefix)
        refill = Refill(
            topic=topics.snapshots,
            # With its beginning: numbers come again once indices are gone, and positions must not.
            group=f"{topics.group}.{transfer.kind}-{transfer.number:06}-{transfer.began_s:.3f}",
            partitions=partitions,
            options=to_aiokafka_options(self.settings),
            indexer=Indexer(
                sink=ElasticsearchSink(self.client),
                dead_letters=DeadLetters(
                    self.publisher, topics.dead_letters, transfer.kind, self.clock
                ),
                index_prefix=to_filling_prefix(self._prefix),
                chains={each: self.settings.fallback_chain(each) for each in transfer.target},
                types=self.types,
                rules=self.rules,
                former=BatchFormer(clock=time.monotonic),
                clock=time.monotonic,
                wall=time.time,
            ),
            starts=transfer.noted if transfer.kind == "rollback" else {},
        )
        try:
            await refill.start()
            yield refill
        finally:
            await refill.stop()

    async def _read_to(
        self,
        refill: Refill,
        ends: Mapping[int, int],
        doing: str,
        beat: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        reading = asyncio.create_task(refill.read_to(ends))
        try:
            while not reading.done():
                self.report(doing, refill.records, refill.left(ends))
                await asyncio.wait([reading], timeout=1.0)
                refill.raise_failure()
                if beat is not None:
                    await beat()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        reading.result()
        self.report(doing, refill.records, 0)

    async def _find_obsolete(self, transfer: Transfer) -> str | None:
        """Return why a stopped rebuild must not go on, or None."""
        locales = self.settings.locales
        if transfer.target.keys() != set(locales):
            return f"It is of other locales than {', '.join(locales)}."
        for index in transfer.target.values():
            if not await self.client.indices.exists(index=index):
                return f"The index {index} is gone."
        return self._to_obsolete(transfer)

    def _to_obsolete(self, transfer: Transfer) -> str | None:
        since_s = transfer.swapped_s or transfer.began_s
        if self.clock() - since_s > KEPT_S:
            days = KEPT_S / 86_400
            return (
                f"The last {transfer.kind} is more than {days:.0f} days old: tombstones have been "
                "purged since."
            )
        if transfer.topic_id != self.snapshots.topic_id:
            return f"The topic of snapshots was created anew since the last {transfer.kind}."
        return None

    async def _store(self, transfer: Transfer, seen: Stored | None) -> Stored:
        stored = await store_transfer(self.client, self._prefix, transfer, seen=seen)
        if stored is None:
            raise Refused("Another rebuild or rollback is at work: wait for it, or stop it.")
        return stored

    @property
    def _prefix(self) -> str:
        return self.settings.index_prefix

    @property
    def _all_partitions(self) -> Collection[int]:
        return range(self.snapshots.partitions)


def is_going_on(mine: Transfer, seen: Transfer, *, now_s: float) -> bool:
    """Whether somebody else is completing the swap that is *mine*, or a worker is about to."""
    is_mine = seen.began_s == mine.began_s and seen.phase is Phase.SWAPPED
    return is_mine and now_s - seen.beat_s < STOPPED_AFTER_S + WATCH_EVERY_S


async def complete_stopped(work: Rebuild) -> None:
    """Complete, until cancelled, what was stopped after its swap: every worker watches for it."""
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        try:
            stored = await read_transfer(work.client, work.settings.index_prefix)
            if stored is None or stored.transfer.phase is not Phase.SWAPPED:
                continue
            if work.clock() - stored.transfer.beat_s < STOPPED_AFTER_S:
                continue
            log.warning("transfer.found_stopped", kind=stored.transfer.kind)
            await work.complete(stored)
        except Refused:
            continue  # somebody else was faster
        except (ApiError, TransportError, KafkaError, SinkRefused) as error:
            log.warning("transfer.not_completed", error=str(error))
