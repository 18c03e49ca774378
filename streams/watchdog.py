"""
Ends the worker when it only looks alive; its supervisor starts it again, and nothing is lost.

Watches what Faust and aiokafka do not tell: a coordinator that gave up, offsets that went back, a
topic that was replaced, a higher epoch, a stage that stalled; and, from a thread of its own, an
event loop that is blocked.
"""

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from faust.types import TP

from runtime.errors import MustRestart
from runtime.logs import get_logger
from streams.ledger import Ledger
from streams.publisher import KafkaPublisher
from streams.safe_consumer import PipelineApp, SafeConsumer
from streams.stage import Stage
from streams.stall import StallDetector

CHECK_EVERY_S: Final = 5.0
SURROUNDINGS_EVERY_S: Final = 15.0
BLOCKED_AFTER_S: Final = 60.0
_BEAT_S: Final = 1.0

log = get_logger(__name__)


class Stalled(MustRestart):
    """The worker only looks alive; the message names the cause."""


@dataclass(frozen=True, slots=True)
class Watchdog:
    """
    Checks the consumer and the stages, by the topic that each of them reads.

    *look_around* returns what has changed outside, in words: topic ids, partitions, epoch. *holds*
    tell, by topic too, what keeps a stage from setting records aside.
    """

    app: PipelineApp
    stages: Mapping[str, Stage]
    look_around: Callable[[], Awaitable[str | None]]
    detector: StallDetector
    publisher: KafkaPublisher
    holds: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    async def run(self) -> None:
        """
        Check until cancelled.

        Raises:
            Stalled: the worker must end.
        """
        looked_s = self.clock()
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            await self._check_consumer()
            if self.clock() - looked_s >= SURROUNDINGS_EVERY_S:
                looked_s = self.clock()
                if (changed := await self.look_around()) is not None:
                    raise Stalled(changed)

    async def _check_consumer(self) -> None:
        consumer: Any = self.app._consumer  # noqa: SLF001  # the property would make one
        if not isinstance(consumer, SafeConsumer) or consumer.regression is not None:
            if consumer is not None and consumer.regression is not None:
                raise Stalled(f"offsets went back, the log was replaced: {consumer.regression}")
            return
        try:
            await self._check_coordinator(consumer)
        except Exception as error:
            if self.app.should_stop:  # the consumer has ended meanwhile, as it was told to
                return
            raise Stalled(f"the group coordinator gave up: {error!r}") from error
        if self.app.rebalancing:
            reason = self.detector.observe_rebalance(now_s=self.clock())
            if reason is not None:
                raise Stalled(reason)
            return
        self._check_stages(consumer)

    async def _check_coordinator(self, consumer: SafeConsumer) -> None:
        thread: Any = consumer._thread  # noqa: SLF001  # nobody else asks for its errors

        async def check() -> None:
            thread._ensure_consumer()._coordinator.check_errors()  # noqa: SLF001  # as above

        await thread.call_thread(check)

    def _check_stages(self, consumer: SafeConsumer) -> None:
        for topic, stage in self.stages.items():
            mine = {tp: each for tp, each in consumer.ledgers.items() if tp.topic == topic}
            for tp, ledger in mine.items():
                end = _to_end(consumer, tp)
                if end is not None and ledger.position > end:
                    raise Stalled(
                        f"{topic} partition {tp.partition} ends at {end}, but {ledger.position} "
                        "was read already: the log was replaced"
                    )
                # Stages go on without it, and would for ever if only the coordinator is cut off.
                reason = self.detector.observe_commit(
                    f"{topic} partition {tp.partition}",
                    stored=ledger.stored,
                    is_due=ledger.to_commit() is not None and self.publisher.waits_for is None,
                    now_s=self.clock(),
                )
                if reason is not None:
                    raise Stalled(reason)
            reason = self.detector.observe(
                topic,
                progress=sum(ledger.finished for ledger in mine.values()),
                lag=sum(_to_lag(ledger, _to_end(consumer, tp)) for tp, ledger in mine.items()),
                waits_for=stage.waits_for or self._to_hold(topic) or self.publisher.waits_for,
                now_s=self.clock(),
            )
            if reason is not None:
                raise Stalled(reason)

    def _to_hold(self, topic: str) -> str | None:
        hold = self.holds.get(topic)
        return None if hold is None else hold()


def _to_end(consumer: SafeConsumer, tp: TP) -> int | None:
    return cast(int | None, consumer.highwater(tp))  # None before the first fetch was answered


def _to_lag(ledger: Ledger, end: int | None) -> int:
    return ledger.held + max(0, (end or 0) - ledger.position)


class LoopWatch:
    """Ends the process when the event loop has not turned for *blocked_after_s*."""

    def __init__(self, blocked_after_s: float = BLOCKED_AFTER_S) -> None:
        self._blocked_after_s = blocked_after_s
        self._beat_s = time.monotonic()
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Beat until cancelled."""
        self._beat_s = time.monotonic()
        thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)
        thread.start()
        try:
            while True:
                self._beat_s = time.monotonic()
                await asyncio.sleep(_BEAT_S)
        finally:
            self._stopped.set()

    def _watch(self) -> None:
        woken_s = time.monotonic()
        while not self._stopped.wait(_BEAT_S):
            # A process that was itself paused wakes with an old beat: that is no blocked loop.
            slept_s, woken_s = time.monotonic() - woken_s, time.monotonic()
            if slept_s > self._blocked_after_s / 2:
                self._beat_s = woken_s
            quiet_s = woken_s - self._beat_s
            if quiet_s > self._blocked_after_s:
                log.critical("loop.blocked", seconds=round(quiet_s))
                faulthandler.dump_traceback(file=sys.stderr)
                os._exit(MustRestart.exit_code)
