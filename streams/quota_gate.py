"""
The gate that every request to the PIM passes: a slot in every window, and a grant.

If the process dies:
  before the grant is stored   nothing was sent
  after it                     the successor counts the grant in full
  after a request was sent     the same; its slot is held until long after its deadline
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pim.pace import Pace
from runtime.clock import Clock
from runtime.logs import get_logger
from runtime.metrics import pim_breaker_open, pim_refused
from runtime.points import reach
from streams.grants import VALID_S, WINDOW_SHARE_MAX, Allowance, to_holdings
from streams.pacing import Pacing
from streams.quota import Quota, Window
from streams.quota_log import Appended, Inheritance, QuotaLog, QuotaReleased, ReadQuota
from topics.due import Lane
from topics.grants import GrantKind, GrantRecord
from topics.records import Publisher

CLOCKS_DIFFER_S: Final = 1.0
"""How far the clocks of two brokers may be apart: what others spent is held so much longer."""
MEMORY_PARTS_MAX: Final = 200
LOST_CHECKS: Final = 6
"""Requests of two workers that have just tried the token: a topic made anew forgot them."""
_LOOK_AGAIN_S: Final = 1.0
"""When only an answer can free a slot: it wakes the waiters by itself, this is the safety net."""

_RANKS: Final = {lane: rank for rank, lane in enumerate(Lane)}
log = get_logger(__name__)


class QuotaGate:
    """
    Hands out the slots of the quota, lane by lane, each under a grant, as fast as *pace* allows.

    Waiting requests of a more urgent lane go first. *deadline_s* is how long a request may take in
    all. It runs by the time of the event loop; *clock* is the same time.
    """

    def __init__(
        self,
        quota: Quota,
        *,
        publisher: Publisher,
        topic: str,
        read: ReadQuota,
        deadline_s: float,
        clock: Clock,  # time.monotonic
        pace: Pace | None = None,
    ) -> None:
        self._quota, self._clock, self._deadline_s = quota, clock, deadline_s
        self._log = QuotaLog(publisher, topic, read)
        self.pacing = Pacing(pace or Pace(), clock)
        smallest = min(window.limit for window in quota.windows)
        self._allowance = Allowance(requests_max=int(smallest * WINDOW_SHARE_MAX))
        self._is_ours = False
        self._granting = asyncio.Lock()
        self._changed = asyncio.Event()
        self._waiting: Counter[Lane] = Counter()
        self._running = 0
        self._held: Callable[[], str | None] = lambda: None
        self.requests = 0  # sent in this process's life
        # Of the owner only: whoever owned the requests before knows nothing of the PIM any more.
        pim_refused.set_function(lambda: self._is_ours and self.pacing.is_refused)
        pim_breaker_open.set_function(lambda: self._is_ours and self.pacing.was_open)

    def hold(self, held: Callable[[], str | None]) -> None:
        """Let nothing start while *held* returns what is waited for."""
        self._held = held

    def of(self, lane: Lane) -> "LaneGate":
        """Return the gate of one lane."""
        return LaneGate(self, lane)

    @property
    def used_ratio(self) -> float:
        """The used part of the fullest window."""
        return self._quota.used_ratio(self._clock())

    @property
    def quota(self) -> Quota:
        """What is used, for those who only look."""
        return self._quota

    def is_free(self, lane: Lane) -> bool:
        """Whether a request of *lane* could start now."""
        if self._held() is not None:
            return False
        is_urgent = all(not self._waiting[each] for each in Lane if _is_before(each, lane))
        return is_urgent and self._quota.free(lane, self._clock()) > 0 and self.pacing.may_start()

    def waits_for(self, lane: Lane) -> str | None:
        """What keeps a request of *lane* from starting, in words for an operator; None: little."""
        if (trouble := self._held() or self.pacing.waits_for()) is not None:
            return trouble
        is_used_up = self._quota.free(lane, self._clock()) == 0
        return f"the PIM's quota (lane {lane})" if is_used_up else None

    @property
    def holds_up(self) -> str | None:
        """
        What keeps the most urgent of the resources that are asked for already from being sent.

        Scans wait for their turn by nature.
        """
        lanes = (lane for lane in Lane if lane is not Lane.SCAN and self._waiting[lane])
        return next(filter(None, map(self.waits_for, lanes)), None)

    def claim(self) -> None:
        """Be the owner: the partition of `due` is ours. What was spent is read before it is used."""
        self._is_ours = True

    def is_ours(self) -> bool:
        """Whether requests may be sent by this worker."""
        return self._is_ours

    def release(self) -> None:
        """Be the owner no more: nothing is sent until the next claim."""
        self._is_ours = False
        self._allowance.forget()
        self._log.leave()
        self._changed.set()

    async def note_check(self, requests: int) -> bool:
        """
        Account for requests of a worker that owns nothing; return whether they may be sent.

        Raises:
            KafkaUnavailable: what was spent cannot be read now.
        """
        found = await self._log.note_check(requests)
        now_s = self._clock()
        quota = Quota(tuple(Window(limit=w.limit, span_s=w.span_s) for w in self._quota.windows))
        self._hold(quota, found, now_s)
        return all(window.used(now_s) <= window.limit for window in quota.windows)

    @asynccontextmanager
    async def request(self, lane: Lane) -> AsyncIterator[None]:
        """
        Hold a slot in every window, until one window's length after the block is left.

        Raises:
            QuotaReleased: the quota is not ours, or no longer.
            NotOwner: another worker has written to `quota` meanwhile.
            KafkaUnavailable: what was spent cannot be read now.
        """
        await self._enter(lane)
        # No await from its last check to the sending: the grant is valid, and a slot is free.
        with self.pacing.request():
            self._allowance.take()
            self._quota.start()
            self._running += 1
            self.requests += 1
            reach("quota.granted")
            try:
                yield
            finally:
                self._running -= 1
                self._quota.end(self._clock())
        self._changed.set()

    async def _enter(self, lane: Lane) -> None:
        self._waiting[lane] += 1
        try:
            while True:
                await self._wait(lane)
                async with self._granting:
                    self._refuse_others()
                    if not self._allowance.is_usable(self._clock()):
                        await self._grant(lane)
                self._refuse_others()
                if self._allowance.is_usable(self._clock()) and self.is_free(lane):
                    return
        finally:
            self._waiting[lane] -= 1
            self._changed.set()  # a less urgent lane may have waited for this one

    async def _wait(self, lane: Lane) -> None:
        while not self.is_free(lane):
            self._refuse_others()
            self._changed.clear()
            now_s = self._clock()
            free_at_s = self._quota.free_at(lane, now_s)
            pause_s = _LOOK_AGAIN_S if free_at_s is None else max(0.001, free_at_s - now_s)
            if free_at_s == now_s:
                pause_s = self.pacing.wait_s() or _LOOK_AGAIN_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _grant(self, lane: Lane) -> None:
        if not self._log.is_taken_over:
            await self._take_over()
            return  # what was read may leave nothing free
        since_s = self._clock()
        requests = self._allowance.next_size(free=self._quota.free(lane, since_s))
        appended = await self._log.append(
            GrantRecord(
                GrantKind.GRANT,
                self._log.owner,
                requests,
                settles=self._allowance.offset,
                sent=self._allowance.sent,
                running=self._running,
            )
        )
        latest_s = self._hold_between(appended)
        self._allowance.granted(appended.offset, requests, since_s=since_s)
        if appended.is_anew:
            self._quota.hold(latest_s, LOST_CHECKS)
            self._allowance.forget()
            await self._remember()

    def _hold_between(self, appended: Appended) -> float:
        """Hold what came before our record, for the longest that it may count; return until when."""
        # Tokens tried by others, appends of ours that were repeated, grants that nobody may use.
        latest_s = self._clock() + VALID_S + self._deadline_s
        for each in appended.between:
            self._quota.hold(latest_s, each.record.requests)
        return latest_s

    async def _take_over(self) -> None:
        """Read what all owners before have spent; our own first record tells the broker's time."""
        self._allowance.forget()
        longest_s = max(window.span_s for window in self._quota.windows)
        found = await self._log.take_over(known_for_s=longest_s + VALID_S + self._deadline_s)
        self._quota.forget()
        self._hold(self._quota, found, self._clock())
        if not found.is_whole:
            self._quota.hold(self._clock(), None)
            await self._remember()
        log.info(
            "quota.taken_over",
            records=len(found.written),
            used_ratio=round(self.used_ratio, 3),
            whole=found.is_whole,
        )

    def _hold(self, quota: Quota, found: Inheritance, now_s: float) -> None:
        # From the record's append to now some time has passed: so much longer all is held.
        since_s = now_s - found.appended_s + CLOCKS_DIFFER_S
        for holding in to_holdings(found.written, deadline_s=self._deadline_s):
            quota.hold(since_s + holding.since_s, holding.count, window=holding.window)

    async def _remember(self) -> None:
        """Tell successors what our windows hold: the topic does not say it."""
        now_s = self._clock()
        memory = tuple(
            (
                *(
                    (now_s - since_s, count)
                    for since_s, count in window.answered(now_s, parts_max=MEMORY_PARTS_MAX)
                ),
                (-self._deadline_s, window.in_flight),
            )
            for window in self._quota.windows
        )
        log.warning("quota.remembered", used_ratio=round(self.used_ratio, 3))
        record = GrantRecord(GrantKind.MEMORY, self._log.owner, 0, memory=memory)
        self._hold_between(await self._log.append(record))

    def _refuse_others(self) -> None:
        if not self.is_ours():
            raise QuotaReleased("the requests to the PIM are another worker's now")


@dataclass(frozen=True, slots=True)
class LaneGate:
    """A gate as the PIM client knows it, for requests of one lane."""

    gate: QuotaGate
    lane: Lane

    def request(self) -> AbstractAsyncContextManager[None]:
        """Wait for a slot; hold it."""
        return self.gate.request(self.lane)


def _is_before(one: Lane, other: Lane) -> bool:
    return _RANKS[one] < _RANKS[other]
