"""How long to let a sink rest that cannot take writes."""

from collections.abc import Callable
from typing import Final

from runtime.doubling import to_doubled_s

FIRST_S: Final = 0.1
MAX_S: Final = 2.0
"""Short, since all documents wait for it: they are late by the outage and this."""


class Backoff:
    """Doubles with each failure in a row, with equal jitter; never gives up."""

    def __init__(self, *, random: Callable[[], float]) -> None:
        self._random = random  # from 0 to 1
        self._failures = 0

    def fail(self) -> float:
        """Return the seconds to wait after one more failure in a row."""
        full_s = to_doubled_s(FIRST_S, self._failures, max_s=MAX_S)
        self._failures += 1
        return full_s / 2 * (1 + self._random())

    def succeed(self) -> None:
        """Begin anew."""
        self._failures = 0
