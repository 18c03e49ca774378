"""The gate that every request to the PIM passes: it waits for a slot in every quota window."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from runtime.clock import Clock
from runtime.points import reach
from streams.quota import Quota
from topics.due import Lane

_LOOK_AGAIN_S: Final = 1.0
"""When only an answer can free a slot: it wakes the waiters by itself, this is the safety net."""


class QuotaGate:
    """
    Hands out the slots of the quota, lane by lane.

    Waiting requests of a more urgent lane go first by the reserve that the others leave them.
    """

    def __init__(self, quota: Quota, *, clock: Clock) -> None:
        self._quota, self._clock = quota, clock
        self._changed = asyncio.Event()
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
        """Hold a slot in every window, until one window's length after the block is left."""
        await self.wait(lane)
        self._quota.start()  # no await since it was seen to be free
        self.requests += 1
        reach("quota.granted")
        try:
            yield
        finally:
            self._quota.end(self._clock())
            self._changed.set()


@dataclass(frozen=True, slots=True)
class LaneGate:
    """A gate as the PIM client knows it, for requests of one lane."""

    gate: QuotaGate
    lane: Lane

    def request(self) -> AbstractAsyncContextManager[None]:
        """Wait for a slot; hold it."""
        return self.gate.request(self.lane)
