"""
What the PIM's answers mean for the requests to come: how many at once, a breaker, a refused token.

Every request of every lane passes here, so that trouble is seen once and by all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pim.pace import BreakerState, Pace
from runtime.clock import Clock
from runtime.errors import PimAnswerTooLarge, PimUnauthorized, PimUnavailable, QuindexError
from runtime.logs import get_logger
from runtime.metrics import pim_concurrency

REFUSED_PAUSE_S: Final = 10.0
"""How long nothing is asked after a refused token; then one request tries it again."""

log = get_logger(__name__)


class Pacing:
    """Decides whether a request may start, by what became of those before."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace, self._clock = pace, clock
        self._refused_until_s: float | None = None  # None: the token is right, as far as we know
        self._was_open = False
        self._trouble = ""
        self.recoveries = 0
        """How often the PIM has become well again after the breaker had opened."""
        pim_concurrency.set(pace.concurrency)

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at once."""
        return 1 if self.is_refused or self._is_open(self._clock()) else self._pace.concurrency

    @property
    def is_refused(self) -> bool:
        """Whether the PIM refuses the token, as far as we know."""
        return self._refused_until_s is not None

    @property
    def was_open(self) -> bool:
        """Whether the breaker was open after the last answer: only single requests are sent then."""
        return self._was_open

    @property
    def is_trying(self) -> bool:
        """Whether one request may go now, to see whether the PIM is well again."""
        return self._is_open(self._clock()) and self.may_start()

    def may_start(self) -> bool:
        """Whether a request may start now."""
        now_s = self._clock()
        if self._refused_until_s is not None and (
            now_s < self._refused_until_s or self._pace.running > 0
        ):
            return False
        return self._pace.may_start(now_s)

    def wait_s(self) -> float:
        """Return how long nothing may start; 0 if only what is under way has to end first."""
        now_s = self._clock()
        return max(self._pace.wait_s(now_s), (self._refused_until_s or now_s) - now_s)

    def waits_for(self) -> str | None:
        """What keeps requests from starting, in words for an operator; None: nothing."""
        wait_s = self.wait_s()
        if self.is_refused:
            return f"the PIM: it refuses the token; asked again in {wait_s:.0f} s"
        if self._is_open(self._clock()):
            return f"the PIM: {self._trouble}; asked again in {wait_s:.0f} s"
        return f"the PIM: it asked for a pause of {wait_s:.0f} s more" if wait_s > 0 else None

    def refuse(self) -> None:
        """Let nothing start for a while: the PIM refuses a request that is known to be good."""
        if self._refused_until_s is None:
            log.error("pim.refused", pause_s=REFUSED_PAUSE_S)
        self._refused_until_s = self._clock() + REFUSED_PAUSE_S

    @contextmanager
    def request(self) -> Iterator[None]:
        """
        Judge the request that is sent inside; whoever enters has asked `may_start` just before.

        A request that is given up on our side tells nothing of the PIM.
        """
        started_s = self._clock()
        started = self._pace.try_start(started_s)
        assert started, "may_start() comes first, with nothing in between"
        try:
            yield
        except PimUnavailable as error:
            self._trouble = str(error)
            self._finish(started_s, trouble=True, retry_after_s=error.retry_after_s)
            raise
        except PimAnswerTooLarge as error:  # each costs time and memory: no more at once
            self._answered()
            self._trouble = str(error)
            self._finish(started_s, trouble=True)
            raise
        except PimUnauthorized:
            if self._refused_until_s is not None:
                self._refused_until_s = self._clock() + REFUSED_PAUSE_S
            self._finish(started_s)
            raise
        except QuindexError:
            self._answered()
            self._finish(started_s)
            raise
        except BaseException:
            self._pace.cancel()
            raise
        self._answered()
        self._finish(started_s)

    def _answered(self) -> None:
        if self._refused_until_s is not None:
            self._refused_until_s = None
            log.warning("pim.accepted")

    def _finish(
        self, started_s: float, *, trouble: bool = False, retry_after_s: float | None = None
    ) -> None:
        now_s = self._clock()
        self._pace.finish(now_s, started_s=started_s, trouble=trouble, retry_after_s=retry_after_s)
        pim_concurrency.set(self._pace.concurrency)
        is_open = self._is_open(now_s)
        if is_open == self._was_open:
            return
        self._was_open = is_open
        if is_open:
            log.error("breaker.opened", error=self._trouble)
        else:
            self.recoveries += 1
            log.warning("breaker.closed")

    def _is_open(self, now_s: float) -> bool:
        return self._pace.state(now_s) is not BreakerState.CLOSED
