"""
The gate that every request to the PIM passes: a slot in every window, and a grant.

If the process dies:
  before the grant is stored   nothing was sent
  after it                     the successor counts the grant in full
  after a request was sent     the same; its slot is held until long after its deadline
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from runtime.clock import Clock
from runtime.errors import MalformedRecord, MustRestart, TransientError
from runtime.logs import get_logger
from runtime.points import reach
from streams.grants import (
    REQUESTS_MAX,
    VALID_S,
    WINDOW_SHARE_MAX,
    Allowance,
    Written,
    find_rival,
    to_holdings,
)
from streams.log_reader import Read
from streams.quota import Quota
from topics.due import Lane
from topics.grants import GrantKind, GrantRecord, find_newer_owner
from topics.records import Publisher

_LOOK_AGAIN_S: Final = 1.0
"""When only an answer can free a slot: it wakes the waiters by itself, this is the safety net."""

ReadQuota = Callable[[int], Awaitable[list[Read]]]
"""Returns the records of `quota` from an offset on, as far as it reaches now."""

log = get_logger(__name__)


class NotOwner(MustRestart):
    """Another worker owns the quota: this one must not send a single request more."""


class QuotaReleased(TransientError):
    """The partition of `due` has moved: whoever has it now sends the requests."""


class QuotaGate:
    """
    Hands out the slots of the quota, lane by lane, each under a grant.

    Waiting requests of a more urgent lane go first by the reserve that the others leave them.
    *deadline_s* is how long a request may take in all.
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
    ) -> None:
        self._quota, self._clock, self._deadline_s = quota, clock, deadline_s
        self._publisher, self._topic, self._read = publisher, topic, read
        self._owner = uuid4().hex
        smallest = min(window.limit for window in quota.windows)
        self._allowance = Allowance(requests_max=int(smallest * WINDOW_SHARE_MAX))
        self._last: int | None = None  # the last offset of `quota` that was read; None: not owner
        self._is_ours = False
        self._granting = asyncio.Lock()
        self._changed = asyncio.Event()
        self._running = 0
        self.requests = 0  # sent in this process's life

    def of(self, lane: Lane) -> "LaneGate":
        """Return the gate of one lane."""
        return LaneGate(self, lane)

    @property
    def used_ratio(self) -> float:
        """The used part of the fullest window."""
        return self._quota.used_ratio(self._clock())

    def is_free(self, lane: Lane) -> bool:
        """Whether a request of *lane* could start now."""
        return self._quota.free(lane, self._clock()) > 0

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
        self._owner = uuid4().hex
        self._last = None
        self._changed.set()

    async def note_check(self) -> None:
        """Account for one request of a worker that owns nothing, before it is sent."""
        record = GrantRecord(GrantKind.CHECK, self._owner, 1)
        await self._append(record)

    async def wait(self, lane: Lane) -> None:
        """Return once a request of *lane* could start."""
        while not self.is_free(lane):
            self._changed.clear()
            now_s = self._clock()
            free_at_s = self._quota.free_at(lane, now_s)
            pause_s = _LOOK_AGAIN_S if free_at_s is None else max(0.001, free_at_s - now_s)
            try:
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    @asynccontextmanager
    async def request(self, lane: Lane) -> AsyncIterator[None]:
        """
        Hold a slot in every window, until one window's length after the block is left.

        Raises:
            QuotaReleased: the quota is not ours, or no longer.
            NotOwner: another worker has written to `quota` meanwhile.
        """
        while True:
            await self.wait(lane)
            async with self._granting:
                if not self.is_ours():
                    raise QuotaReleased("the requests to the PIM are another worker's now")
                if not self._allowance.is_usable(self._clock()):
                    await self._grant(lane)
            # No await from here to the sending: the grant is valid, and a slot is free.
            if self.is_ours() and self._allowance.is_usable(self._clock()) and self.is_free(lane):
                break
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

    async def _grant(self, lane: Lane) -> None:
        if self._last is None:
            await self._take_over()
            return  # what was read may leave nothing free
        since_s = self._clock()
        requests = self._allowance.next_size(free=self._quota.free(lane, since_s))
        offset = await self._append(
            GrantRecord(
                GrantKind.GRANT,
                self._owner,
                requests,
                settles=self._allowance.offset,
                sent=self._allowance.sent,
                running=self._running,
            )
        )
        if not self.is_ours() or self._last is None:
            return
        if offset != self._last + 1:
            await self._read_gap(self._last + 1, offset)
        self._last = offset
        self._allowance.granted(offset, requests, since_s=since_s)

    async def _take_over(self) -> None:
        """Read what all owners before have spent; our own first record tells the broker's time."""
        self._allowance.forget()
        before = _to_written(await self._read(0))
        is_first = all(each.record.kind is GrantKind.CHECK for each in before)
        kind = GrantKind.FIRST if is_first else GrantKind.TAKE_OVER
        offset = await self._append(GrantRecord(kind, self._owner, 0))
        written = _to_written(await self._read(0))
        mine = next(each for each in written if each.offset == offset)
        now_s = self._clock()
        self._quota.forget()
        for holding in to_holdings(written, deadline_s=self._deadline_s):
            self._quota.hold(now_s - (mine.appended_s - holding.since_s), holding.count)
        rival = find_rival([each for each in written if each.offset > offset], owner=self._owner)
        if rival is not None:
            raise NotOwner(f"the quota was taken over by {rival}")
        if not self.is_ours():
            return
        self._last = max(each.offset for each in written)
        log.info("quota.taken_over", records=len(written), used_ratio=round(self.used_ratio, 3))

    async def _read_gap(self, start: int, end: int) -> None:
        between = [each for each in _to_written(await self._read(start)) if each.offset < end]
        rival = find_rival(between, owner=self._owner)
        if rival is not None:
            raise NotOwner(f"the quota was taken over by {rival}")
        latest_s = self._clock() + VALID_S + self._deadline_s
        for each in between:  # tokens tried by others, and appends of ours that were repeated
            self._quota.hold(latest_s, each.record.requests)

    async def _append(self, record: GrantRecord) -> int:
        return await self._publisher.append(
            self._topic, key=self._owner.encode(), value=record.to_json(), partition=0
        )


@dataclass(frozen=True, slots=True)
class LaneGate:
    """A gate as the PIM client knows it, for requests of one lane."""

    gate: QuotaGate
    lane: Lane

    def request(self) -> AbstractAsyncContextManager[None]:
        """Wait for a slot; hold it."""
        return self.gate.request(self.lane)


def _to_written(records: list[Read]) -> list[Written]:
    written = []
    for each in records:
        try:
            record = GrantRecord.parse(each.value or b"")
        except MalformedRecord as error:
            log.warning("grant.unreadable", offset=each.offset, error=str(error))
            owner = find_newer_owner(each.value or b"")
            if owner is None:
                continue
            # Of a version to come: it has spent as much as a grant can hold.
            record = GrantRecord(GrantKind.GRANT, owner, REQUESTS_MAX)
        written.append(Written(each.offset, each.appended_s, record))
    return written
