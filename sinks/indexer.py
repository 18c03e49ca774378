"""
Snapshots in, search documents out: one for each locale.

If the process dies:
  before the bulk's answer    nothing was acknowledged: the snapshots are read and written again,
                              and the same version takes the same content
  after it                    the same; what was acknowledged had been answered in every locale
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from random import random
from typing import Final

from runtime import tracing
from runtime.clock import Clock
from runtime.errors import MalformedRecord, SinkUnavailable
from runtime.logs import get_logger
from runtime.metrics import bulk_seconds, freshness_seconds, search_documents
from runtime.points import reach
from sinks.attribute_rules import NO_RULES, AttributeRules
from sinks.attribute_types import AttributeType
from sinks.backoff import FIRST_S, Backoff
from sinks.batches import BatchFormer, Entry
from sinks.documents import Projection
from sinks.dropped import Dropped
from sinks.fields import to_alias, to_id
from sinks.healing import Healer
from sinks.held import Held, credit
from sinks.pause import Pause, pause
from sinks.writes import Answer, Sink, SinkRefused, Verdict, Write, to_write
from topics.dead_letters import DeadLetters
from topics.records import Received
from topics.snapshots import Snapshot

BULKS_MAX: Final = 2
DRAIN_MAX_S: Final = 10.0
PAUSED_LOOK_S: Final = 0.5
RECORDS_MAX_BYTES: Final = 32 * 1024 * 1024
"""Of the records held, which have many locales where few may be indexed."""

_UNDONE: Final = (Verdict.AGAIN, Verdict.STOP)

log = get_logger(__name__)


class Indexer:
    """
    The index stage: takes snapshots, writes search documents in batches, acknowledges last.

    *chains* gives each locale's fallbacks, itself first; *types* may go on growing.
    """

    def __init__(
        self,
        *,
        sink: Sink,
        dead_letters: DeadLetters,
        index_prefix: str,
        chains: Mapping[str, Sequence[str]],
        types: Mapping[str, AttributeType],
        rules: AttributeRules = NO_RULES,
        former: BatchFormer[Held],
        clock: Clock,  # time.monotonic, the former's too
        wall: Clock,  # time.time
        pause: Pause = pause,
        healer: Healer | None = None,
        drain_max_s: float = DRAIN_MAX_S,
        backoff: Backoff | None = None,
        paused: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.counts: Counter[Verdict] = Counter()
        self._sink, self._dead_letters = sink, dead_letters
        self._chains = {to_alias(index_prefix, locale): chains[locale] for locale in chains}
        self._types, self._rules = types, rules
        self.dropped = Dropped()
        self._former = former
        self._clock, self._wall, self._pause = clock, wall, pause
        self._healer, self._drain_max_s, self._paused = healer, drain_max_s, paused
        self._newest: dict[str, Held] = {}  # by key, of what is held
        self._backoff = backoff or Backoff(random=random)
        self._resume_s = clock()
        self._waits_for: str | None = None
        self._generation = 0
        self._records_bytes = 0
        self._writing = 0
        self._draining = False
        self._wake = asyncio.Event()  # a batch may be due
        self._room = asyncio.Event()  # something was let go of

    @property
    def waits_for(self) -> str | None:
        """What keeps the stage from going on, in words for an operator; None: nothing."""
        return self._paused() or self._waits_for

    @property
    def held(self) -> int:
        """How many search documents are not answered for."""
        return len(self._former)

    @property
    def _is_full(self) -> bool:
        return self._former.is_full or self._records_bytes >= RECORDS_MAX_BYTES

    async def take(self, received: Received) -> None:
        """Queue a snapshot's search documents; waits while too many are held."""
        if received.value is None:  # a purged tombstone: deletes nothing
            await self._settle_null(received)
            return
        try:
            snapshot = Snapshot.parse(received.value)
        except MalformedRecord as error:
            await self._set_aside(received, reason=error.reason, error=str(error))
            return
        generation = self._generation
        while self._is_full and generation == self._generation:
            self._room.clear()
            await self._room.wait()
        if generation != self._generation:  # dropped while it waited: delivered again
            return
        try:
            writes = self._project(snapshot)
        except Exception as error:  # poison stops nothing but itself
            log.exception("snapshot.not_projected", key=snapshot.key)
            await self._set_aside(received, reason="projection_failed", error=repr(error))
            return
        held = Held(
            received,
            snapshot.key,
            snapshot.lane,
            snapshot.newest_s,
            left=len(writes),
            taken_s=self._wall(),
        )
        self._records_bytes += held.size_bytes
        self._follow(held)
        for write in writes:
            self._former.add(write, held)
        self._wake.set()

    async def run(self) -> None:
        """
        Write batches until cancelled, two at a time.

        Raises:
            SinkRefused: nothing will be taken until a person mends something; nothing is lost.
            KafkaUnavailable: a dead letter may or may not be stored.
        """
        writers = [asyncio.create_task(self._write_forever()) for _ in range(BULKS_MAX)]
        if self._healer is not None:
            writers.append(asyncio.create_task(self._healer.run()))
        try:
            await asyncio.gather(*writers)
        finally:
            for writer in writers:
                writer.cancel()
            await asyncio.gather(*writers, return_exceptions=True)

    def drop(self) -> None:
        """Forget everything held; what is being written acknowledges nothing any more."""
        self._generation += 1
        self._records_bytes = 0
        self._former.drop()
        self._newest.clear()
        if self._healer is not None:
            self._healer.drop()
        self._room.set()

    async def drain(self) -> None:
        """Write everything held, as far as it can be written within *drain_max_s*."""
        if self._paused() is not None:  # then it is read again
            return
        deadline_s = self._clock() + self._drain_max_s
        self._draining = True
        self._wake.set()
        try:
            while (len(self._former) or self._writing) and self._clock() < deadline_s:
                if self._resume_s <= self._clock() and (batch := self._former.take(now=True)):
                    await self._write(batch)
                    continue
                self._room.clear()
                wait_s = self._resume_s - self._clock()
                left_s = deadline_s - self._clock()
                await self._pause(self._room, min(left_s, wait_s) if wait_s > 0 else left_s)
        finally:
            self._draining = False

    def _project(self, snapshot: Snapshot) -> list[Write]:
        id_ = to_id(snapshot.kind, snapshot.code)
        indexed_s = self._wall()
        projection = Projection(snapshot, self._types, self._rules)
        return [
            to_write(
                alias,
                id_,
                snapshot.version,
                projection.to_document(chain, indexed_s, self.dropped),
            )
            for alias, chain in self._chains.items()
        ]

    def _follow(self, held: Held) -> None:
        key = held.key
        if (older := self._newest.get(key)) is not None:
            older.followed = True
        self._newest[key] = held
        if self._healer is not None:
            self._healer.passed(held.received, key)

    async def _settle_null(self, received: Received) -> None:
        if self._healer is None:
            received.acknowledge()
            return
        generation = self._generation
        key = (received.key or b"").decode("utf-8", "surrogatepass")
        while generation == self._generation:
            if key in self._newest:  # the index does not know yet what the null may hide
                self._room.clear()
                await self._room.wait()
                continue
            try:
                await self._healer.settle_null(received, key)
            except SinkUnavailable as error:
                self._waits_for = str(error)
                await self._pause(asyncio.Event(), self._backoff.fail())
            else:
                return

    async def _write_forever(self) -> None:
        while True:
            await self._write(await self._next_batch())

    async def _next_batch(self) -> list[Entry[Held]]:
        while True:
            rest_s = self._resume_s - self._clock()
            if rest_s > 0 or self._paused() is not None:
                await self._pause(asyncio.Event(), rest_s if rest_s > 0 else PAUSED_LOOK_S)
            elif batch := self._former.take(now=self._draining):
                return batch
            else:
                self._wake.clear()
                await self._pause(self._wake, self._former.due_in_s())

    async def _write(self, batch: list[Entry[Held]]) -> None:
        self._writing += 1
        try:
            reach("bulk.before")
            with bulk_seconds.time(), _span_of(batch):
                answers = await self._sink.write([entry.write for entry in batch])
            reach("bulk.after")
        except SinkUnavailable as error:
            self._former.give_back(batch)
            self._rest(self._backoff.fail(), str(error), documents=len(batch) // 2)
        except BaseException:
            self._former.give_back(batch)
            raise
        else:
            await self._settle(list(zip(batch, answers, strict=True)))
        finally:
            self._writing -= 1
            self._wake.set()
            self._room.set()

    async def _settle(self, answered: list[tuple[Entry[Held], Answer]]) -> None:
        tally = Counter(answer.verdict for _, answer in answered)
        self.counts += tally
        for verdict, count in tally.items():
            search_documents.labels(verdict.value).inc(count)
        stale = [entry.write.id for entry, answer in answered if answer.verdict is Verdict.STALE]
        if stale:
            log.info("documents.stale", documents=len(stale), first=stale[0])
        refused = [answer for _, answer in answered if answer.verdict is Verdict.STOP]
        undone = [each for each in answered if each[1].verdict in _UNDONE]
        done = [each for each in answered if each[1].verdict not in _UNDONE]
        self._former.give_back([entry for entry, _ in undone])
        self._former.settle([entry for entry, _ in done])
        if undone:
            error = f"elasticsearch: {undone[0][1].error}"
            self._rest(FIRST_S if done else self._backoff.fail(), error, documents=len(done))
        else:
            self._backoff.succeed()
            self._former.grow()
            self._waits_for = None
        complete = [held for entry, answer in done for held in credit(entry, answer)]
        self._records_bytes -= sum(held.size_bytes for held in complete)
        for held in complete:
            await self._complete(held)
        if refused:
            raise SinkRefused(f"Elasticsearch takes no writes: {refused[0].error}")

    def _rest(self, seconds: float, error: str, *, documents: int) -> None:
        if self._waits_for is None:
            log.warning("sink.unavailable", error=error)
        self._waits_for = error
        self._resume_s = max(self._resume_s, self._clock() + seconds)
        self._former.shrink(documents)

    async def _complete(self, held: Held) -> None:
        key = held.key
        if self._newest.get(key) is held:
            del self._newest[key]
        with tracing.span(
            "index",
            tracing.Side.CONSUMER,
            headers=held.received.headers,
            began_s=held.taken_s,
            quindex_key=key,
        ):
            await self._end(held)

    async def _end(self, held: Held) -> None:
        key = held.key
        freshness_s = max(0.0, self._wall() - held.newest_s)
        if held.faults:
            await self._set_aside(
                held.received,
                reason=held.faults[0].reason,
                error="; ".join(dict.fromkeys(fault.error for fault in held.faults)),
            )
            return
        if held.stale and not held.followed and self._healer is not None:
            await self._healer.settle(held.received, key)
            return
        held.received.acknowledge()
        freshness_seconds.labels(held.lane).observe(freshness_s)
        log.info("resource.indexed", key=key, freshness_s=round(freshness_s, 3))

    async def _set_aside(self, received: Received, *, reason: str, error: str) -> None:
        await self._dead_letters.set_aside(received, reason=reason, error=error)
        received.acknowledge()


def _span_of(batch: Sequence[Entry[Held]]) -> AbstractContextManager[None]:
    """The bulk is part of the trace of its oldest document, and linked to those of all others."""
    if not tracing.is_traced():
        return nullcontext()
    carried = [held.received.headers for entry in batch for held in entry.receipts]
    return tracing.span(
        "bulk",
        tracing.Side.CLIENT,
        headers=next(iter(carried), {}),
        links=(headers[tracing.HEADER] for headers in carried if tracing.HEADER in headers),
        db_system_name="elasticsearch",
        quindex_documents=len(batch),
    )
