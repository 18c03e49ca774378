"""Request quotas as Quable has them: at most so many requests in any sliding window."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Window:
    """At most *requests_max* requests within any *window_s* seconds."""

    requests_max: int
    window_s: float


QUABLE_WINDOWS: Final = (Window(6_000, 600.0), Window(300_000, DAY_S))


class SlidingCount:
    """How many requests came within the last *window_s*, and the most that ever did."""

    def __init__(self, window_s: float) -> None:
        assert window_s > 0
        self.window_s = window_s
        self.peak = 0
        self._arrivals: deque[float] = deque()

    def count(self, now_s: float) -> int:
        """Return the requests of the window that ends now; one exactly as old has left it."""
        while self._arrivals and self._arrivals[0] <= now_s - self.window_s:
            self._arrivals.popleft()
        return len(self._arrivals)

    def add(self, now_s: float) -> None:
        """Count a request."""
        self._arrivals.append(now_s)
        self.peak = max(self.peak, self.count(now_s))

    def free_in_s(self, now_s: float) -> float:
        """Return how long until the oldest request leaves the window."""
        return self._arrivals[0] + self.window_s - now_s if self.count(now_s) else 0.0


class Quota:
    """
    Decides which requests are refused.

    Whether refused requests count against Quable's quota is not documented; *refused_count* is the
    harsher reading, under which a client that does not back off is never served again. Nor is it
    documented what a refusal looks like: with *retry_after*, in *html*.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        *,
        refused_count: bool = False,
        retry_after: bool = True,
        html: bool = False,
    ) -> None:
        self.windows = tuple(windows)
        self.refused_count = refused_count
        self.retry_after = retry_after
        self.html = html
        self._counts = [SlidingCount(window.window_s) for window in self.windows]

    def take(self, now_s: float) -> float | None:
        """Count a request and return None; or, beyond the quota, the seconds until it is free."""
        waits_s = [
            count.free_in_s(now_s)
            for window, count in zip(self.windows, self._counts, strict=True)
            if count.count(now_s) >= window.requests_max
        ]
        if not waits_s or self.refused_count:
            for count in self._counts:
                count.add(now_s)
        return max(waits_s) if waits_s else None

    def used(self, now_s: float) -> list[int]:
        """Return the requests counted in each window."""
        return [count.count(now_s) for count in self._counts]


class RequestLedger:
    """What was asked: by endpoint, by status, by single resource, and the peak within sliding windows."""

    def __init__(self, windows_s: Sequence[float]) -> None:
        self._windows_s = tuple(windows_s)
        self.reset()

    def reset(self) -> None:
        """Start counting anew, peaks too."""
        self.total = 0
        self.endpoints: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.resources: Counter[str] = Counter()
        self._counts = [SlidingCount(window_s) for window_s in self._windows_s]

    def arrived(self, endpoint: str, now_s: float, *, resource: str | None = None) -> None:
        """Count a request, refused later or not; *resource* is the path of a single one."""
        self.total += 1
        self.endpoints[endpoint] += 1
        if resource is not None:
            self.resources[resource] += 1
        for count in self._counts:
            count.add(now_s)

    def answered(self, status: int) -> None:
        """Count an answer."""
        self.statuses[status] += 1

    def peaks(self) -> dict[float, int]:
        """Return the most requests that ever came within each window, by its seconds."""
        return {count.window_s: count.peak for count in self._counts}
