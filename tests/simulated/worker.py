"""A worker process: from its start to its end, whatever ends it."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, cast

from elasticsearch import AsyncElasticsearch
from faust.types import TP

from runtime.clock import Clock
from streams.debounce import DebounceBuffer
from streams.debounce_stage import FLUSH_INTERVAL_S, Debouncer
from streams.stage import Stage
from streams.surroundings import Surroundings
from streams.watchdog import Stalled
from streams.worker import DRAIN_MAX_S
from tests.simulated.assembly import SETTINGS, TOPICS, Assembly, Surface
from tests.simulated.cluster import ClusterClient
from tests.simulated.epoch import describe, know_epoch
from tests.simulated.member import Member
from tests.simulated.network import Line
from topics.records import Received

_LOOK_EVERY_S: Final = 120.0
_TICK_MAX_S: Final = 1.0


@dataclass
class Worker:
    """One process, from its start to its end; *ended* is told why."""

    shared: Surface
    skew_s: float
    ended: Callable[["Worker", BaseException | None], None]
    line: Line = field(init=False)
    member: Member | None = None
    failure: BaseException | None = None
    is_leaving: bool = False
    _life: "asyncio.Task[None] | None" = None
    _failed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.line = Line(self.shared.random)

    def start(self) -> None:
        """Be born."""
        self._life = asyncio.create_task(self._live())
        self._life.add_done_callback(self._end)

    def kill(self) -> None:
        """Die at once, between two steps of whatever is going on."""
        self.line.kill()
        assert self._life is not None
        self._life.cancel()

    def leave(self) -> None:
        """Drain, commit, leave the group, end."""
        self.is_leaving = True
        self._failed.set()

    def _end(self, task: "asyncio.Task[None]") -> None:
        self.line.kill()
        error = None if task.cancelled() else task.exception()
        self.ended(self, error or self.failure)

    def _fail(self, failure: BaseException) -> None:
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        self.failure = self.failure or failure
        self._failed.set()

    # --- its life ---

    async def _live(self) -> None:
        shared, line = self.shared, self.line
        client = cast(AsyncElasticsearch, ClusterClient(shared.cluster, line.send, line.receive))
        states, epoch = await know_epoch(shared, client, line)
        parts = Assembly(shared, line, client, epoch, self.wall)
        stages: dict[str, Stage] = {
            TOPICS.notifications: parts.debounce,
            TOPICS.due: parts.fetch,
            TOPICS.snapshots: parts.index,
        }
        surroundings = Surroundings(
            SETTINGS, client, epoch.epoch, states, describe=partial(describe, shared.log)
        )

        woken = asyncio.Event()

        async def take(received: Received) -> None:
            await stages[received.topic].take(received)
            woken.set()

        def dropped() -> None:
            for stage in stages.values():
                stage.drop()

        def claimed(assigned: set[TP]) -> None:
            if TP(TOPICS.due, 0) in assigned:
                parts.gate.claim()

        member = Member(shared.log, shared.group, line, take, dropped, claimed, self._fail)
        work: list[Awaitable[None]] = [
            parts.fetch.run(),
            parts.index.run(),
            _flush(parts.debounce, parts.buffer, woken, self.wall),
            self._look_around(surroundings),
        ]
        with member.open():
            tasks = [asyncio.ensure_future(each) for each in work]
            for task in tasks:
                task.add_done_callback(self._watch)
            self.member = member
            shared.group.join(member)
            try:
                await self._failed.wait()
                if self.failure is None:
                    await self._drain(stages)
                await member.leave()
            finally:
                for task in tasks:
                    task.cancel()

    def _watch(self, task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _drain(self, stages: Mapping[str, Stage]) -> None:
        try:
            async with asyncio.timeout(DRAIN_MAX_S), asyncio.TaskGroup() as group:
                for stage in stages.values():
                    group.create_task(stage.drain())
        except TimeoutError:
            return

    async def _look_around(self, surroundings: Surroundings) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self.line.open.wait()
            if (changed := await surroundings.look()) is not None:
                raise Stalled(changed)

    def wall(self) -> float:
        """Return the time of its machine."""
        return self.shared.log.clock() + self.skew_s


async def _flush(
    debouncer: Debouncer, buffer: DebounceBuffer[Received], woken: asyncio.Event, wall: Clock
) -> None:
    """Flush on the beat of `Debouncer.run`, but only while something waits."""
    while True:
        await woken.wait()
        woken.clear()
        while (due_s := buffer.next_due_s) is not None:
            beats = max(1, math.ceil((due_s - wall()) / FLUSH_INTERVAL_S))
            await asyncio.sleep(min(beats * FLUSH_INTERVAL_S, _TICK_MAX_S))
            await debouncer.flush()
