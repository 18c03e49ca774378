"""When Kafka is not worth waiting for: a circuit breaker that is told the time."""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """
    Open after *failures_max* failures in a row; then only probes may try.

    Calls never probe, so none of them waits for a Kafka that is away: the drain does, with rows
    that are stored already. The pause between probes doubles up to *pause_max_s*.
    """

    failures_max: int = 3
    pause_s: float = 0.5
    pause_max_s: float = 5.0
    _failures: int = 0
    _next_pause_s: float = 0.0
    _probe_s: float | None = None  # None: closed

    @property
    def is_open(self) -> bool:
        """Whether calls go straight to the spool."""
        return self._probe_s is not None

    def succeeded(self) -> None:
        """A call was stored. One that was still under way when the breaker opened proves nothing."""
        if not self.is_open:
            self._failures = 0

    def failed(self, now_s: float) -> bool:
        """A call was not stored in time; return whether that has opened the breaker."""
        if self.is_open:
            return False
        self._failures += 1
        if self._failures < self.failures_max:
            return False
        self._next_pause_s = self.pause_s
        self._probe_s = now_s + self._next_pause_s
        return True

    def may_probe(self, now_s: float) -> bool:
        """Whether the pause is over."""
        return self._probe_s is not None and now_s >= self._probe_s

    def probe_failed(self, now_s: float) -> None:
        """Kafka is still away, or too slow to wait for: stay open for a longer pause."""
        assert self.is_open
        self._next_pause_s = min(self._next_pause_s * 2, self.pause_max_s)
        self._probe_s = now_s + self._next_pause_s

    def close(self) -> None:
        """A probe was stored in time: Kafka is back."""
        self._failures = 0
        self._probe_s = None
