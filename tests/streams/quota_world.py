"""A PIM that counts, a topic `quota` with the broker's time, and workers that share both."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pim.pace import Pace
from streams.log_reader import Read
from streams.quota import Quota, Window
from streams.quota_gate import QuotaGate
from streams.quota_log import NotOwner, QuotaReleased
from tests.virtual_time import VirtualClock
from topics.due import Lane

DEADLINE_S = 10.0
LIMITS = ((30, 60.0), (200, 300.0))
SKEW_S = 1_000.0  # the broker's clock is another one

Delay = Callable[[], float]


@dataclass
class Topic:
    """The topic `quota`: appends may be stored late, twice, or answered late."""

    delay: Delay
    lose_answer: Callable[[], bool] = lambda: False
    records: list[Read] = field(default_factory=list)
    next_offset: int = 0
    clock: VirtualClock = field(default_factory=VirtualClock)

    async def append(
        self,
        topic: str,  # noqa: ARG002  # there is only this one
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,  # noqa: ARG002  # grants have none
        partition: int | None = None,  # noqa: ARG002  # there is only one
    ) -> int:
        """Store a record; where the answer is lost, store it again."""
        while True:
            await asyncio.sleep(self.delay())
            offset = self.next_offset
            self.records.append(Read(offset, self.clock() + SKEW_S, key, value))
            self.next_offset += 1
            await asyncio.sleep(self.delay())
            if not self.lose_answer():
                return offset

    async def read(self, start: int) -> list[Read]:
        """Return what lies there."""
        await asyncio.sleep(self.delay())
        found = [each for each in self.records if each.offset >= start]
        await asyncio.sleep(self.delay())
        return found

    def empty(self, *, anew: bool) -> None:
        """Delete all records; a topic that is made *anew* counts from 0 again."""
        self.records.clear()
        if anew:
            self.next_offset = 0


@dataclass
class Pim:
    """Notes from when to when each request may arrive."""

    sent: list[list[float]] = field(default_factory=list)

    def crowd(self, span_s: float) -> int:
        """Return the most requests that may arrive in one window, however they are delayed."""
        starts = sorted(begun_s for begun_s, _ in self.sent)
        ends = sorted(ended_s for _, ended_s in self.sent)
        most = begun = 0
        for gone, window_s in enumerate(ends):  # a window that begins when this one may still come
            while begun < len(starts) and starts[begun] < window_s + span_s:
                begun += 1
            most = max(most, begun - gone)
        return most


class Worker:
    """Wants to send as much as it is asked to, until it dies."""

    def __init__(
        self, topic: Topic, pim: Pim, answer: Delay, limits: tuple[tuple[int, float], ...] = LIMITS
    ) -> None:
        self.pim, self.answer, self.clock = pim, answer, VirtualClock()
        self.gate = QuotaGate(
            Quota(tuple(Window(limit=limit, span_s=span_s) for limit, span_s in limits)),
            publisher=topic,
            topic="t.quota",
            read=topic.read,
            deadline_s=DEADLINE_S,
            clock=self.clock,
            pace=Pace(concurrency_first=8),
        )
        self.gate.claim()
        self.ended: BaseException | None = None
        self.answered = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: list[list[float]] = []

    @property
    def is_alive(self) -> bool:
        """Whether it may still send."""
        return self.ended is None

    @property
    def wanted(self) -> int:
        """How many requests are not answered yet."""
        return len(self._tasks)

    def want(self, count: int, lane: Lane) -> None:
        """Ask it to send."""
        for _ in range(count):
            task = asyncio.ensure_future(self._send(lane))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def die(self, cause: BaseException | None = None) -> None:
        """Stop between two steps; what was sent may still arrive until its deadline."""
        self.ended = self.ended or cause or RuntimeError("killed")
        for each in self._open:
            each[1] = each[0] + DEADLINE_S
        self._open = []
        for task in self._tasks:
            task.cancel()

    async def _send(self, lane: Lane) -> None:
        async with self.gate.request(lane):
            request = [self.clock(), self.clock() + DEADLINE_S]
            self.pim.sent.append(request)
            self._open.append(request)
            await asyncio.sleep(min(DEADLINE_S, self.answer()))
            if self.ended is None:
                request[1] = self.clock()
                self._open.remove(request)
                self.answered += 1

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        assert isinstance(error, NotOwner | QuotaReleased), error
        if isinstance(error, NotOwner):
            self.die(error)
