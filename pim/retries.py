"""When a request to the PIM is tried again, and after which wait."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from runtime.doubling import to_doubled_s
from runtime.errors import PimTimeout, PimUnavailable

TRIES_MAX: Final = 3


@dataclass(slots=True)
class RetryBudget:
    """
    Keeps tries again at a share of all requests, so that an outage is not made worse.

    Every request pays *share* in, up to *saved_max*; every further try takes 1 out.
    """

    share: float = 0.1
    saved_max: float = 10.0
    saved: float = field(default=10.0)

    def on_request(self) -> None:
        """Count a request's first try."""
        self.saved = min(self.saved_max, self.saved + self.share)

    def take(self) -> bool:
        """Take one further try, if there is one left."""
        if self.saved < 1:
            return False
        self.saved -= 1
        return True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """
    Few tries within about two seconds: what takes longer is looked at again by the fetch stage.

    The wait has full jitter after an error, and equal jitter after a 429. A longer wait that the
    PIM asks for is the caller's to keep, and so is a deadline that has passed.
    """

    tries_max: int = TRIES_MAX
    wait_first_s: float = 0.25
    wait_max_s: float = 2.0
    budget: RetryBudget = field(default_factory=RetryBudget)
    jitter: Callable[[], float] = random.random  # from 0 to 1

    def wait_s(self, error: BaseException, *, tries: int) -> float | None:
        """Return the wait before the next try, after *tries* of them; None: no more."""
        if not isinstance(error, PimUnavailable) or isinstance(error, PimTimeout):
            return None
        if tries >= self.tries_max or (error.retry_after_s or 0) > self.wait_max_s:
            return None
        if not self.budget.take():
            return None
        ceiling_s = to_doubled_s(self.wait_first_s, tries - 1, max_s=self.wait_max_s)
        if error.retry_after_s is not None:
            return error.retry_after_s + self.jitter() * self.wait_first_s
        if error.status == HTTPStatus.TOO_MANY_REQUESTS:
            ceiling_s = min(self.wait_max_s, 2 * ceiling_s)
            return ceiling_s / 2 + self.jitter() * ceiling_s / 2
        return self.jitter() * ceiling_s

    def to_hook(self) -> Callable[[Exception], bool | float]:
        """Return the decision for one request, as stamina wants it."""
        tries = 0

        def decide(error: Exception) -> bool | float:
            nonlocal tries
            tries += 1
            wait_s = self.wait_s(error, tries=tries)
            return False if wait_s is None else wait_s

        return decide
