"""How many requests to the PIM may be under way at once, learnt from its answers."""

import random
from collections.abc import Callable
from enum import StrEnum
from typing import Final

CONCURRENCY_MAX: Final = 8
TROUBLE_MAX: Final = 5
"""In a row, before the breaker opens."""
PAUSE_FIRST_S: Final = 1.0
PAUSE_MAX_S: Final = 15.0
_DOUBLINGS_MAX: Final = 30


class BreakerState(StrEnum):
    """What the breaker lets through."""

    CLOSED = "closed"
    """As many requests as the pace allows."""
    OPEN = "open"
    """None, until its pause is over."""
    HALF_OPEN = "half_open"
    """One, to see whether the PIM is well again."""


class Pace:
    """
    Additive increase, multiplicative decrease, and a breaker, with time passed in.

    The concurrency grows by one per round trip while answers are good and it is used in full, and
    halves at the first trouble (429, 5xx, no answer) among requests that started since it last
    did. After *trouble_max* troubles in a row the breaker opens: for a pause that doubles up to
    *pause_max_s* with full jitter, then for one request at a time, until one is good. A wait that
    the PIM asks for is kept in any state.
    """

    def __init__(
        self,
        *,
        concurrency_first: int = 1,
        concurrency_max: int = CONCURRENCY_MAX,
        trouble_max: int = TROUBLE_MAX,
        pause_first_s: float = PAUSE_FIRST_S,
        pause_max_s: float = PAUSE_MAX_S,
        jitter: Callable[[], float] = random.random,  # from 0 to 1
    ) -> None:
        assert 1 <= concurrency_first <= concurrency_max
        assert trouble_max >= 1
        self._concurrency_max, self._trouble_max = concurrency_max, trouble_max
        self._pause_first_s, self._pause_max_s = pause_first_s, pause_max_s
        self._jitter = jitter
        self._limit = float(concurrency_first)
        self._running = 0
        self._troubles = 0  # in a row
        self._halved_s = float("-inf")
        self._full_s = float("-inf")
        self._openings = 0  # in a row
        self._opened_s = float("-inf")
        self._paused_until_s = float("-inf")

    @property
    def concurrency(self) -> int:
        """How many requests may be under way while the breaker is closed."""
        return int(self._limit)

    @property
    def running(self) -> int:
        """How many requests are under way."""
        return self._running

    def state(self, now_s: float) -> BreakerState:
        """Return the breaker's state."""
        if self._troubles < self._trouble_max:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now_s < self._paused_until_s else BreakerState.HALF_OPEN

    def wait_s(self, now_s: float) -> float:
        """Return how long nothing may start; 0 if only what is under way has to end first."""
        return max(0.0, self._paused_until_s - now_s)

    def may_start(self, now_s: float) -> bool:
        """Whether a request may start now."""
        allowed = 1 if self._troubles >= self._trouble_max else self.concurrency
        return now_s >= self._paused_until_s and self._running < allowed

    def try_start(self, now_s: float) -> bool:
        """Start a request if one may start now; whoever got True calls `finish` once."""
        if not self.may_start(now_s):
            return False
        self._running += 1
        if self._running >= self.concurrency:
            self._full_s = now_s
        return True

    def finish(
        self,
        now_s: float,
        *,
        started_s: float,
        trouble: bool,
        retry_after_s: float | None = None,
    ) -> None:
        """End a request; *trouble* is whether it got a 429, a 5xx or no answer."""
        self._running -= 1
        if not trouble:
            self._troubles = self._openings = 0
            if self._full_s >= started_s:  # used in full since it started
                self._limit = min(float(self._concurrency_max), self._limit + 1 / self._limit)
            return
        self._troubles += 1
        if started_s >= self._halved_s:  # else it ran while the first of its round trip failed
            self._limit = max(1.0, self._limit / 2)
            self._halved_s = now_s
        self._pause_until(now_s + (retry_after_s or 0.0))
        if self._troubles >= self._trouble_max and started_s >= self._opened_s:
            pause_s = min(self._pause_max_s, self._pause_first_s * 2.0**self._openings)
            self._pause_until(now_s + self._jitter() * pause_s)
            self._openings = min(self._openings + 1, _DOUBLINGS_MAX)
            self._opened_s = now_s

    def cancel(self) -> None:
        """End a request that told nothing: it was given up on our side."""
        self._running -= 1

    def _pause_until(self, moment_s: float) -> None:
        self._paused_until_s = max(self._paused_until_s, moment_s)
