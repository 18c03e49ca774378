"""
Due records in, snapshots out: the only stage that talks to the PIM.

If the process dies:
  in `take`                               nothing was acknowledged but what the newest supersedes
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
from runtime.clock import Clock
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
from runtime.metrics import fetch_waiting_keys, quota_used_ratio
from runtime.points import reach
from streams.asking import Asker
from streams.fetch_queue import FetchQueue
from streams.packing import PackFill
from streams.quota_gate import QuotaGate, QuotaReleased
from streams.settling import Entry, Settler
from topics.due import DueRecord
from topics.end_offsets import EndOffsets
from topics.notifications import to_key_bytes
from topics.partitions import to_partition
from topics.records import Received

KEYS_MAX: Final = 100_000
SHORT_RATIO: Final = 0.7
"""Beyond this used part of a quota window, early records wait for their quiet period too."""
CONCURRENCY_MAX: Final = 4
_QUOTA_POLL_S: Final = 0.05
_BACKOFF_MIN_S: Final = 1.0
_BACKOFF_MAX_S: Final = 60.0
_UNUSABLE_TRIES_MAX: Final = 8
_UNAUTHORIZED_PAUSE_S: Final = 10.0

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
    ) -> None:
        self._asker, self._settler, self._gate, self._ends = asker, settler, gate, ends
        self._hold_s, self._clock, self._jitter = hold_s, clock, jitter
        self._queue: FetchQueue[Received] = FetchQueue()
        self._fill = PackFill()
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._slots = asyncio.Semaphore(CONCURRENCY_MAX)
        self._fetching: set[asyncio.Task[None]] = set()
        self._paused_until_s = 0.0
        self._waits_for: str | None = None

    @property
    def waits_for(self) -> str | None:
        """What keeps the stage from fetching, if anything."""
        return self._waits_for

    def __len__(self) -> int:
        return len(self._queue)

    async def take(self, received: Received) -> None:
        """Queue a due record; waits while too many wait already."""
        while len(self._queue) >= KEYS_MAX:
            self._room.clear()
            await self._room.wait()
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
        now_s = self._clock()
        is_held = record.early and self._gate.used_ratio > SHORT_RATIO
        superseded = self._queue.add(
            record, received, now_s=now_s, held_until_s=now_s + self._hold_s if is_held else 0.0
        )
        if superseded is not None:
            superseded.acknowledge()
        self._fill.note(record.lane, now_s)
        self._wake.set()

    async def run(self) -> None:
        """Fetch what is due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._slots.acquire()
                chosen = await self._next_pack()
                task = group.create_task(self._fetch_and_release(chosen))
                self._fetching.add(task)
                task.add_done_callback(self._fetching.discard)

    def drop(self) -> None:
        """Forget everything held; what is being fetched may finish."""
        self._queue.clear()
        self._settler.brake.forget()
        self._gate.release()
        self._room.set()

    async def drain(self) -> None:
        """Finish what is being fetched; what only waits is read again by the next owner."""
        if self._fetching:
            await asyncio.wait(self._fetching)

    # --- choosing ---

    async def _next_pack(self) -> list[Entry]:
        while True:
            self._wake.clear()
            now_s = self._clock()
            self._queue.release(now_s)
            self._observe()
            first = self._queue.first()
            pause_s = self._to_pause_s(first, now_s)
            if pause_s == 0 and first is not None:
                lane = first.record.lane
                if self._gate.is_free(lane):
                    self._waits_for = None
                    return self._take_pack(first)
                self._waits_for = f"the PIM's quota (lane {lane})"
                pause_s = _QUOTA_POLL_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _to_pause_s(self, first: Entry | None, now_s: float) -> float | None:
        """Return how long to wait; None: until something comes; 0: not at all."""
        if self._paused_until_s > now_s:
            return self._paused_until_s - now_s
        if first is None:
            release_s = self._queue.next_release_s()
            return None if release_s is None else max(0.001, release_s - now_s)
        if self._queue.count_with(first) >= self._asker.pack_max:
            return 0.0
        return max(0.0, first.added_s + self._fill.seconds(first.record.lane, now_s) - now_s)

    def _take_pack(self, first: Entry) -> list[Entry]:
        chosen = {first.record.code: first}
        if self._asker.pack_max > 1:
            for waiting in self._queue.waiting_with(first):
                chosen[waiting.record.code] = waiting
                if len(chosen) >= self._asker.pack_max:
                    break
            codes = self._asker.to_pack(first.record.kind, list(chosen))
            chosen = {code: chosen[code] for code in codes}
        entries = list(chosen.values())
        self._queue.take(entries)
        return entries

    def _observe(self) -> None:
        quota_used_ratio.labels("fullest").set(self._gate.used_ratio)
        for lane, size in self._queue.sizes().items():
            fetch_waiting_keys.labels(lane.value).set(size)

    # --- fetching ---

    async def _fetch_and_release(self, entries: list[Entry]) -> None:
        try:
            await self._fetch(entries)
        finally:
            self._slots.release()
            self._wake.set()

    async def _fetch(self, entries: list[Entry]) -> None:
        kind, lane = entries[0].record.kind, entries[0].record.lane
        try:
            await self._asker.probe()
            ends = await self._ends.read()  # before the request: the answer covers all up to here
            entries = [entry for entry in entries if await self._is_covered(entry, ends)]
            if not entries:
                return
            fetched_s = self._clock()
            reach("pim.before")
            found = await self._asker.ask(kind, lane, [entry.record.code for entry in entries])
            reach("pim.after")
        except (PimUnavailable, KafkaUnavailable, QuotaReleased) as error:
            self._postpone(entries, error)
        except PimUnauthorized as error:
            if await self._asker.has_live(kind):  # then it concerns these resources alone
                await self._isolate(entries, error)
            else:
                self._pause(entries, error)
        except PimFilterIgnored:
            for entry in entries:  # packs are off now: each is asked for by its path
                self._put_back(entry, held_until_s=0.0)
        except PimAnswerUnusable as error:
            await self._isolate(entries, error)
        else:
            async with asyncio.TaskGroup() as group:
                for entry in entries:
                    group.create_task(
                        self._settle(entry, found.get(entry.record.code), ends, fetched_s)
                    )

    async def _is_covered(self, entry: Entry, ends: Mapping[int, int]) -> bool:
        """
        Whether the end offsets are those of the log that the due record speaks of.

        If not, the notification is appended again: its new place in the log decides.
        """
        record = entry.record
        partition = to_partition(to_key_bytes(record.code), len(ends))
        if partition == record.partition and ends.get(partition, 0) > record.offset:
            return True
        log.warning("notification.moved", key=record.key, partition=partition)
        await self._settler.trigger(record, reason="moved")
        self._finish(entry)
        return False

    async def _settle(
        self, entry: Entry, resource: Resource | None, ends: Mapping[int, int], fetched_s: float
    ) -> None:
        held_until_s = await self._settler.settle(entry, resource, ends, fetched_s)
        if held_until_s is None:
            self._finish(entry)
        else:
            self._put_back(entry, held_until_s=held_until_s)

    def _postpone(self, entries: list[Entry], error: QuindexError) -> None:
        now_s = self._clock()
        retry_after_s = error.retry_after_s if isinstance(error, PimUnavailable) else None
        if retry_after_s is not None:
            self._paused_until_s = max(self._paused_until_s, now_s + retry_after_s)
        self._waits_for = f"the PIM: {error}"
        for entry in entries:
            entry.attempts += 1
            ceiling_s = min(_BACKOFF_MAX_S, _BACKOFF_MIN_S * 2.0 ** (entry.attempts - 1))
            pause_s = max(retry_after_s or 0.0, _BACKOFF_MIN_S, self._jitter() * ceiling_s)
            self._put_back(entry, held_until_s=now_s + pause_s)
        log.warning("fetch.postponed", resources=len(entries), error=str(error))

    def _pause(self, entries: list[Entry], error: PimUnauthorized) -> None:
        self._paused_until_s = self._clock() + _UNAUTHORIZED_PAUSE_S
        self._waits_for = f"the PIM: {error}"
        log.error("fetch.unauthorized", error=str(error), pause_s=_UNAUTHORIZED_PAUSE_S)
        for entry in entries:
            self._put_back(entry, held_until_s=0.0)

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
        if entry.attempts < _UNUSABLE_TRIES_MAX and not await self._asker.has_live(
            entry.record.kind
        ):
            self._postpone(entries, error)
            return
        await self._settler.give_up(entry, reason=error.reason, error=str(error))
        self._finish(entry)

    def _put_back(self, entry: Entry, *, held_until_s: float) -> None:
        superseded = self._queue.put_back(entry, now_s=self._clock(), held_until_s=held_until_s)
        if superseded is not None:
            superseded.acknowledge()
        self._wake.set()

    def _finish(self, entry: Entry) -> None:
        entry.receipt.acknowledge()
        self._queue.done(entry, now_s=self._clock())
        self._room.set()
