"""
Due records in, snapshots out: the only stage that talks to the PIM.

If the process dies:
  in `take`                               nothing was acknowledged but what the newest supersedes,
                                          and never what alone says that the resource is new or gone
  before or during the request            the due record is read again, the resource asked for again
  after the answer, before the append     the same
  after the append, before the acknowledgement
                                          the same; a second snapshot of the same or a later version
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Final

from pim.answers import Resource
from pim.kinds import Kind
from runtime import tracing
from runtime.clock import Clock
from runtime.doubling import to_doubled_s
from runtime.errors import (
    KafkaUnavailable,
    MalformedRecord,
    PimAnswerUnusable,
    PimFilterIgnored,
    PimUnauthorized,
    PimUnavailable,
    QuindexError,
)
from runtime.logs import get_logger
from runtime.metrics import fetch_waiting_keys
from runtime.points import reach
from streams.asking import Asker
from streams.choosing import Chooser
from streams.quota_gate import QuotaGate
from streams.quota_log import QuotaReleased
from streams.settling import Entry, Settler
from topics.due import DueRecord, Lane
from topics.end_offsets import EndOffsets
from topics.notifications import to_key_bytes
from topics.partitions import to_partition
from topics.records import Received

KEYS_MAX: Final = 40_000
MOVED_AGAIN_S: Final = 30.0
"""
How long one of our notifications waits whose place is not known here: longer than a worker goes on
after partitions were added. Else it would be appended again and again until then.
"""
_POLL_S: Final = 0.05
_OBSERVE_S: Final = 1.0
"""How often metrics learn what waits: nobody reads them more often."""
_BACKOFF_MIN_S: Final = 1.0
_BACKOFF_MAX_S: Final = 60.0
_UNUSABLE_TRIES_MAX: Final = 8
_UNUSABLE_SURE: Final = 3
"""Answers that cannot be used while others can, until a resource is set aside."""
_UNUSABLE_MAX_S: Final = 3_600.0
"""Both must be over until a resource is set aside while nothing else can be read either."""
_ALONE_AFTER: Final = 2
"""Attempts without an answer, after which a resource is not packed with others."""

# Looked up once: they are set whenever the stage turns round.
_WAITING: Final = {lane: fetch_waiting_keys.labels(lane.value) for lane in Lane}

log = get_logger(__name__)


class Fetcher:
    """Fetches what is due under the PIM's quota, and appends a snapshot of each resource."""

    def __init__(
        self,
        *,
        asker: Asker,
        settler: Settler,
        gate: QuotaGate,
        ends: EndOffsets,
        hold_s: float,
        clock: Clock,  # time.time
        jitter: Callable[[], float] = random.random,
        keys_max: int = KEYS_MAX,
    ) -> None:
        self._keys_max = keys_max
        self._asker, self._settler, self._gate, self._ends = asker, settler, gate, ends
        self._clock, self._jitter = clock, jitter
        self._chooser = Chooser(asker, gate, hold_s=hold_s)
        self._queue = self._chooser.queue
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._fetching: set[asyncio.Task[None]] = set()
        self._waits_for: str | None = None
        self._observed_s = -_OBSERVE_S

    @property
    def waits_for(self) -> str | None:
        """What keeps the stage from fetching, if anything."""
        # Only the first request of a new owner finds out that others have used the quota up.
        denied = "the PIM: it answers 404 to everything" if self._asker.denies_all else None
        return self._gate.pacing.waits_for() or denied or self._waits_for or self._gate.holds_up

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether no more is taken for now."""
        return len(self._queue) >= self._keys_max

    async def take(self, received: Received) -> None:
        """Queue a due record; waits while too many wait already."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()
        await self.take_now(received)

    async def take_now(self, received: Received) -> None:
        """Queue a due record, however many wait."""
        if received.value is None:
            received.acknowledge()
            return
        try:
            record = DueRecord.parse(received.value)
        except MalformedRecord as error:
            await self._settler.dead_letters.set_aside(
                received, reason=error.reason, error=str(error)
            )
            received.acknowledge()
            return
        for superseded in self._chooser.add(record, received, self._clock()):
            superseded.acknowledge()
        self._wake.set()

    async def run(self) -> None:
        """Fetch what is due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                task = group.create_task(self._fetch(await self._next_pack()))
                self._fetching.add(task)
                task.add_done_callback(self._fetched)

    def drop(self) -> None:
        """Forget everything held; what is being fetched may finish."""
        self._queue.clear()
        self._settler.brake.forget()
        self._asker.forget()
        self._gate.release()
        self._show_waiting()  # the next owner says how it is
        self._room.set()

    async def drain(self) -> None:
        """Finish what is being fetched; what only waits is read again by the next owner."""
        if self._fetching:
            await asyncio.wait(self._fetching)

    async def _next_pack(self) -> list[Entry]:
        while True:
            self._wake.clear()
            now_s = self._clock()
            self._chooser.let_go(now_s)
            self._observe(now_s)
            first = self._queue.first()
            pause_s = self._chooser.wait_s(first, now_s)
            if pause_s == 0 and first is not None:
                lane = first.record.lane
                if self._chooser.may_start(lane, under_way=len(self._fetching)):
                    return self._chooser.take_pack(first)
                self._waits_for = self._gate.waits_for(lane)
                pause_s = _POLL_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _fetched(self, task: "asyncio.Task[None]") -> None:
        self._fetching.discard(task)
        self._wake.set()

    def _observe(self, now_s: float) -> None:
        if self._gate.is_ours() and now_s >= self._observed_s + _OBSERVE_S:
            self._observed_s = now_s
            self._show_waiting()

    def _show_waiting(self) -> None:
        for lane, size in self._queue.sizes().items():
            _WAITING[lane].set(size)

    # --- fetching ---

    async def _fetch(self, entries: list[Entry]) -> None:
        kind = entries[0].record.kind
        if (refusal := self._asker.refusal_of(kind)) is not None:
            await self._bear(entries, refusal)
            return
        try:
            # A refused token is tried by what is known to be good, not by what may be refused alone.
            if self._gate.pacing.is_refused and not await self._asker.has_live(kind):
                await self._give_way(kind, entries)
            else:
                await self._fetch_now(kind, entries)
        except (PimUnavailable, KafkaUnavailable, QuotaReleased) as error:
            self._postpone(entries, error)
        except PimUnauthorized as error:
            if await self._asker.has_live(kind):  # then it concerns these resources alone
                await self._isolate(entries, error)
            else:
                await self._give_way(kind, entries, error)
        except PimFilterIgnored:
            for entry in entries:  # packs are off now: each is asked for by its path
                self._put_back(entry, held_until_s=0.0)
        except PimAnswerUnusable as error:
            await self._isolate(entries, error)

    async def _fetch_now(self, kind: Kind, entries: list[Entry]) -> None:
        await self._asker.probe()
        ends = await self._ends.read()  # before the request: the answer covers all up to here
        covered = [entry for entry in entries if await self._is_covered(entry, ends)]
        entries[:] = covered  # the others are done, whatever comes
        if not covered:
            return
        fetched_s = self._clock()
        reach("pim.before")
        codes = [entry.record.code for entry in covered]
        found = await self._asker.ask(kind, covered[0].record.lane, codes)
        reach("pim.after")
        self._waits_for = None
        async with asyncio.TaskGroup() as group:
            for entry in covered:
                group.create_task(
                    self._settle(entry, found.get(entry.record.code), ends, fetched_s)
                )

    async def _is_covered(self, entry: Entry, ends: Mapping[int, int]) -> bool:
        """
        Whether the end offsets are those of the log that the due record speaks of.

        If not, or if it speaks of two places, the notification is appended again: its new place in
        the log decides.
        """
        record = entry.record
        partition = to_partition(to_key_bytes(record.code), len(ends))
        is_here = partition == record.partition and ends.get(partition, 0) > record.offset
        if is_here and not record.moved:
            return True
        log.warning("notification.moved", key=record.key, partition=partition)
        # One of ours is where the topic has its key now, so it may be this worker that is behind.
        after_s = MOVED_AGAIN_S if record.ours else None
        await self._settler.trigger(record, reason="moved", after_s=after_s)
        self._finish(entry)
        return False

    async def _settle(
        self, entry: Entry, resource: Resource | None, ends: Mapping[int, int], fetched_s: float
    ) -> None:
        with tracing.span(
            "fetch",
            tracing.Side.CLIENT,
            headers=entry.receipt.headers,
            links=(each.encode() for each in entry.record.traces),
            began_s=fetched_s,
            quindex_key=entry.key,
            quindex_notifications=entry.record.notifications,
            quindex_lane=entry.record.lane.value,
        ):
            try:
                held_until_s = await self._settler.settle(entry, resource, ends, fetched_s)
            except KafkaUnavailable as error:  # the others of its pack are not held up
                self._postpone([entry], error)
                return
        if held_until_s is None:
            self._finish(entry)
        else:
            self._put_back(entry, held_until_s=held_until_s)

    def _postpone(self, entries: list[Entry], error: QuindexError) -> None:
        """Let them wait, each longer than before; all are let go once the PIM is well again."""
        now_s = self._clock()
        self._waits_for = str(error) if isinstance(error, KafkaUnavailable) else f"the PIM: {error}"
        for entry in entries:
            entry.postpone()
            entry.alone = entry.attempts >= _ALONE_AFTER  # it may be the one that the PIM fails at
            ceiling_s = to_doubled_s(_BACKOFF_MIN_S, entry.attempts - 1, max_s=_BACKOFF_MAX_S)
            pause_s = max(_BACKOFF_MIN_S, self._jitter() * ceiling_s)
            self._put_back(entry, held_until_s=now_s + pause_s)
        log.warning("fetch.postponed", resources=len(entries), error=str(error))

    def _pause(self, entries: list[Entry]) -> None:
        self._gate.pacing.refuse()
        for entry in entries:
            self._put_back(entry, held_until_s=0.0)

    async def _give_way(
        self, kind: Kind, entries: list[Entry], error: PimUnauthorized | None = None
    ) -> None:
        """Find out what a refused token may not read: nothing, this kind, or these resources."""
        if await self._asker.refuses_all(kind):
            self._pause(entries)
        elif (refusal := self._asker.refusal_of(kind)) is not None:
            await self._bear(entries, refusal)
        elif error is not None:
            await self._isolate(entries, error)
        else:  # it is accepted again
            for entry in entries:
                self._put_back(entry, held_until_s=0.0)

    async def _bear(self, entries: list[Entry], error: PimUnauthorized) -> None:
        """Let what a token may not read wait, without asking; in the end it is a dead letter."""
        waiting = [entry for entry in entries if self._may_wait(entry)]
        if waiting:
            self._postpone(waiting, error)
        for entry in entries:
            if entry not in waiting:
                await self._settler.give_up(entry, reason=error.reason, error=str(error))
                self._finish(entry)

    def _may_wait(self, entry: Entry) -> bool:
        is_new = self._clock() - entry.added_s < _UNUSABLE_MAX_S
        return is_new or entry.attempts < _UNUSABLE_TRIES_MAX

    async def _isolate(
        self, entries: list[Entry], error: PimAnswerUnusable | PimUnauthorized
    ) -> None:
        """
        Ask for each alone; what cannot be read even then is a dead letter.

        Unless nothing else can be read either: then it is the PIM that has to be waited for.
        """
        if len(entries) > 1:
            for entry in entries:
                entry.alone = True
                self._put_back(entry, held_until_s=0.0)
            return
        entry = entries[0]
        if self._may_wait(entry) and not await self._asker.has_live(entry.record.kind):
            self._postpone(entries, error)
            return
        entry.unusable += 1
        if entry.unusable < _UNUSABLE_SURE:  # the PIM may have become well again just now
            self._put_back(entry, held_until_s=self._clock() + _BACKOFF_MIN_S)
            return
        await self._settler.give_up(entry, reason=error.reason, error=str(error))
        self._finish(entry)

    def _put_back(self, entry: Entry, *, held_until_s: float) -> None:
        for superseded in self._queue.put_back(
            entry, now_s=self._clock(), held_until_s=held_until_s
        ):
            superseded.acknowledge()
        self._wake.set()

    def _finish(self, entry: Entry) -> None:
        entry.receipt.acknowledge()
        for kept in entry.kept.receipts:
            kept.acknowledge()
        self._queue.done(entry, now_s=self._clock())
        self._room.set()
        self._wake.set()
