"""
The PIM's request quota, as exact sliding windows.

The PIM counts arrivals, and a request arrives somewhere between its sending and its answer. So a
request holds a slot from its sending until one window's length after its answer, or its deadline.
Then no window at the PIM can ever hold more than the limit. (A bucket of 10/s with a capacity of
6,000 would send 11,999 in one window of 600 s.)
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from topics.due import Lane

RESERVE_SHARE: Final = 0.2
"""What a lower lane leaves of each window to the higher ones."""
GRAINS: Final = 100_000
"""How many moments of a span are told apart."""


@dataclass(slots=True)
class _Ended:
    first_s: float
    last_s: float
    count: int


class Window:
    """
    At most *limit* requests in any *span_s* seconds.

    Answers within *grain_s* of each other are kept as one, at the latest of their moments: a day of
    answers then needs as much memory as 100,000 numbers, and no slot is free too early.
    """

    def __init__(self, *, limit: int, span_s: float) -> None:
        assert limit > 0
        assert span_s > 0
        self.limit, self.span_s = limit, span_s
        self._grain_s = span_s / GRAINS
        self._in_flight = 0
        self._ended: deque[_Ended] = deque()  # oldest first
        self._held = 0

    def used(self, now_s: float) -> int:
        """Return how many slots are held at *now_s*."""
        while self._ended and self._ended[0].last_s + self.span_s <= now_s:
            self._held -= self._ended.popleft().count
        return self._in_flight + self._held

    def free(self, now_s: float, *, reserve: int = 0) -> int:
        """Return how many more requests may start at *now_s*, leaving *reserve* slots alone."""
        return max(0, self.limit - reserve - self.used(now_s))

    def start(self, count: int = 1) -> None:
        """Take slots for requests that are about to be sent."""
        self._in_flight += count

    def end(self, now_s: float, count: int = 1) -> None:
        """Note that requests were answered, or gave up."""
        assert count <= self._in_flight
        self._in_flight -= count
        self.hold(now_s, count)

    def hold(self, since_s: float, count: int) -> None:
        """Hold slots for a span from *since_s* on, which may be still to come."""
        if count <= 0:
            return
        later: list[_Ended] = []  # few: what is told out of order is near the end
        while self._ended and self._ended[-1].last_s > since_s:
            later.append(self._ended.pop())
        newest = self._ended[-1] if self._ended else None
        if newest is not None and since_s - newest.first_s <= self._grain_s:
            newest.last_s = since_s
            newest.count += count
        else:
            self._ended.append(_Ended(since_s, since_s, count))
        self._ended.extend(reversed(later))
        self._held += count

    def forget(self) -> None:
        """Forget what was answered; what is under way stays."""
        self._ended.clear()
        self._held = 0

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._in_flight

    def answered(self, now_s: float, *, parts_max: int) -> list[tuple[float, int]]:
        """Return what is held of the answered as (since when, how many), none told too early."""
        self.used(now_s)
        size = max(1, -(-len(self._ended) // parts_max))
        ended = list(self._ended)
        parts = [ended[start : start + size] for start in range(0, len(ended), size)]
        return [(part[-1].last_s, sum(each.count for each in part)) for part in parts]

    def free_at(self, now_s: float, *, reserve: int = 0) -> float | None:
        """Return when the next request may start; None while only answers can free a slot."""
        excess = self.used(now_s) - (self.limit - reserve) + 1
        if excess <= 0:
            return now_s
        for ended in self._ended:
            excess -= ended.count
            if excess <= 0:
                return ended.last_s + self.span_s
        return None


class Quota:
    """
    All windows of the PIM's quota, and what each lane may use of them.

    Live requests may use our whole share; a process and a scan leave the last fifth of each window
    to them. With `free` at 0 nothing may be sent.
    """

    def __init__(self, windows: tuple[Window, ...]) -> None:
        assert windows
        self.windows = windows

    def free(self, lane: Lane, now_s: float) -> int:
        """Return how many requests of *lane* may start at *now_s*."""
        return min(w.free(now_s, reserve=_to_reserve(w, lane)) for w in self.windows)

    def free_at(self, lane: Lane, now_s: float) -> float | None:
        """Return when the next request of *lane* may start; None: not before an answer comes."""
        moments = [w.free_at(now_s, reserve=_to_reserve(w, lane)) for w in self.windows]
        known = [moment for moment in moments if moment is not None]
        return max(known) if len(known) == len(moments) else None

    def start(self) -> None:
        """Take a slot in every window."""
        for window in self.windows:
            window.start()

    def end(self, now_s: float) -> None:
        """Note that a request was answered or gave up."""
        for window in self.windows:
            window.end(now_s)

    def forget(self) -> None:
        """Forget what was answered; what is under way stays."""
        for window in self.windows:
            window.forget()

    def hold(self, since_s: float, count: int | None, *, window: int | None = None) -> None:
        """
        Hold slots from *since_s* on for requests made elsewhere; *count* None: half of a window.

        In all windows, or in one of them by its place.
        """
        for each in self.windows if window is None else self.windows[window : window + 1]:
            each.hold(since_s, each.limit // 2 if count is None else count)

    def used_ratio(self, now_s: float) -> float:
        """Return the used part of the fullest window."""
        return max(w.used(now_s) / w.limit for w in self.windows)


def _to_reserve(window: Window, lane: Lane) -> int:
    return 0 if lane is Lane.LIVE else int(window.limit * RESERVE_SHARE)
