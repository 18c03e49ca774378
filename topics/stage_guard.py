"""
Stops a stage before it empties its topic into the dead letters, until a person lets it go on.

That it has stopped lies in `control` (`breaker/<stage>`), so that a worker that is started again,
or another one, stops at its next dead record too. The stage holds what it was given: nothing is
acknowledged, nothing is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from runtime.clock import Clock
from runtime.errors import KafkaUnavailable
from runtime.logs import get_logger
from runtime.metrics import stage_stopped
from topics.control import StageStop
from topics.letter_breaker import LetterBreaker
from topics.records import Publisher

LOOK_EVERY_S: Final = 5.0
"""How often `control` is read while records die: whether somebody stopped, or let go on."""

ReadStops = Callable[[], Awaitable[Mapping[str, StageStop]]]
"""
Returns the stages that have stopped.

Raises:
    KafkaUnavailable: nobody knows now.
"""

log = get_logger(__name__)


class StageGuard:
    """Watches over one stage's dead letters; *pause* waits so many seconds."""

    def __init__(
        self,
        stage: str,
        *,
        publisher: Publisher,
        topic: str,  # control
        read_stops: ReadStops,
        clock: Clock,  # time.time
        breaker: LetterBreaker | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.stage, self._publisher, self._topic = stage, publisher, topic
        self._read_stops, self._clock, self._pause = read_stops, clock, pause
        self._breaker = breaker or LetterBreaker()
        self._stop: StageStop | None = None
        self._looked_s = float("-inf")
        self._deciding = asyncio.Lock()

    def to_wait(self) -> str | None:
        """Return what a stage that has stopped waits for; None: it has not."""
        if self._stop is None:
            return None
        return f"a person: quindex dead-letters resume {self.stage}"

    def taken(self) -> None:
        """Note that the stage was given a record."""
        self._breaker.taken(self._clock())

    async def admit(self, reason: str) -> None:
        """
        Return once a record may be set aside: at once, or when a stopped stage may go on.

        Raises:
            KafkaUnavailable: that the stage has stopped may or may not be stored.
        """
        async with self._deciding:
            await self._look()
            if self._stop is None and self._breaker.died(self._clock(), reason):
                await self._begin(reason)
            while self._stop is not None:
                await self._pause(LOOK_EVERY_S)
                await self._look()

    async def _begin(self, reason: str) -> None:
        died, taken = self._breaker.counts(self._clock())
        stop = StageStop(self.stage, died, taken, reason, self._clock())
        await self._publisher.append(self._topic, key=stop.key, value=stop.to_json())
        self._hold(stop)

    async def _look(self) -> None:
        now_s = self._clock()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        try:
            found = (await self._read_stops()).get(self.stage)
        except KafkaUnavailable as error:
            log.warning("stops.unknown", stage=self.stage, error=str(error))
            return
        self._looked_s = now_s
        if found is not None and self._stop is None:
            self._hold(found)
        elif found is None and self._stop is not None:
            self._stop = None
            self._breaker.reset()
            stage_stopped.labels(self.stage).set(0)
            log.info("stage.resumed", stage=self.stage)

    def _hold(self, stop: StageStop) -> None:
        self._stop = stop
        stage_stopped.labels(self.stage).set(1)
        log.critical(
            "stage.stopped",
            stage=stop.stage,
            died=stop.died,
            taken=stop.taken,
            reason=stop.reason,
            command=f"quindex dead-letters list --stage {stop.stage}",
        )
