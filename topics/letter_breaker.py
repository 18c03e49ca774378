"""
When a stage should stop: most of what it was given within a minute died.

A mapping that lost a field, a PIM that answers with something else: then setting everything aside
would empty the topic into the dead letters. Pure: whoever owns it tells it the time.
"""

from collections import deque
from typing import Final

SPAN_S: Final = 60.0
DIED_MIN: Final = 100
"""Fewer dead records within the span are single cases."""
DIED_SHARE_MAX: Final = 0.5
TAKEN_MAX: Final = 100_000
"""Moments that are remembered; a stage that takes more in a minute is judged by the newest."""

EXEMPT: Final = frozenset({"delete_braked"})
"""Reasons that have a brake of their own."""


class LetterBreaker:
    """Counts what one stage takes, and what of it dies, over the last *span_s* seconds."""

    def __init__(
        self,
        *,
        span_s: float = SPAN_S,
        died_min: int = DIED_MIN,
        share_max: float = DIED_SHARE_MAX,
    ) -> None:
        assert span_s > 0
        assert died_min > 0
        assert 0 < share_max <= 1
        self._span_s, self._died_min, self._share_max = span_s, died_min, share_max
        self._taken: deque[float] = deque(maxlen=TAKEN_MAX)
        self._died: deque[float] = deque(maxlen=TAKEN_MAX)

    def taken(self, now_s: float) -> None:
        """Note that the stage was given a record."""
        self._taken.append(now_s)

    def died(self, now_s: float, reason: str) -> bool:
        """Note that a record is to be set aside; return whether the stage should stop instead."""
        if reason in EXEMPT:
            return False
        self._died.append(now_s)
        died, taken = self.counts(now_s)
        return died >= self._died_min and died > taken * self._share_max

    def counts(self, now_s: float) -> tuple[int, int]:
        """Return how many died and how many were taken within the span."""
        for moments in (self._taken, self._died):
            while moments and moments[0] <= now_s - self._span_s:
                moments.popleft()
        return len(self._died), max(len(self._taken), len(self._died))

    def reset(self) -> None:
        """Begin anew: a person has let the stage go on."""
        self._taken.clear()
        self._died.clear()
