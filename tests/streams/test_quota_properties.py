"""Whoever owns the quota, and however often that changes: no window at the PIM is ever overdrawn."""

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pim.retries import TRIES_MAX
from streams.quota_gate import LOST_CHECKS
from tests.streams.quota_world import DEADLINE_S, LIMITS, Pim, Topic, Worker
from tests.virtual_time import VirtualLoop, until
from topics.due import Lane

WORKERS_MAX = 4
CHECKS_MAX = LOST_CHECKS // TRIES_MAX
DELAYS = (0.001, 0.01, 0.1, 1.0, 4.0, 7.0, 20.0)


class Owners(RuleBasedStateMachine):
    """Several workers at a time may believe that they own the quota."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.delay_s, self.answer_s, self.loses = 0.001, 0.1, False
        self.topic = Topic(lambda: self.delay_s, self._lose)
        self.pim = Pim()
        self.workers: list[Worker] = []
        self.checks = 0  # that an owner may not have read

    @initialize()
    def begin(self) -> None:
        """A first owner, after the half of the window that counted as used at first has left it."""

        async def go_on() -> None:
            self.workers.append(Worker(self.topic, self.pim, lambda: self.answer_s))
            self.workers[0].want(1, Lane.LIVE)
            await asyncio.sleep(70)

        self._run(go_on())

    def teardown(self) -> None:
        async def end() -> None:
            for worker in self.workers:
                worker.die()
            await asyncio.sleep(DELAYS[-1] * 4)

        self._run(end())
        self.loop.close()
        for limit, span_s in LIMITS:
            assert self.pim.crowd(span_s) <= limit

    @rule(count=st.sampled_from([1, 20, 60]), lane=st.sampled_from(Lane))
    @precondition(lambda self: self.workers)
    def want(self, count: int, lane: Lane) -> None:
        async def ask() -> None:
            for worker in self.workers:
                worker.want(count, lane)

        self._run(ask())

    @rule(seconds=st.sampled_from([0.05, 0.5, 2.0, 4.9, 6.0, 15.0, 59.0, 61.0, 150.0]))
    def wait(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))

    @rule(delay_s=st.sampled_from(DELAYS), answer_s=st.sampled_from(DELAYS))
    def be_slow(self, delay_s: float, answer_s: float) -> None:
        self.delay_s, self.answer_s = delay_s, answer_s

    @rule()
    def lose_the_next_answer(self) -> None:
        self.loses = True

    @rule(others=st.sampled_from(["go on", "die", "are released"]), count=st.sampled_from([1, 40]))
    @precondition(lambda self: len(self.workers) < WORKERS_MAX)
    def join(self, others: str, count: int) -> None:
        """A worker gets the partition; those who had it may not know."""

        async def begin() -> None:
            if others == "die":
                while self.workers:
                    self.workers.pop().die()
            elif others == "are released":
                for worker in self.workers:
                    worker.gate.release()
            self.workers.append(Worker(self.topic, self.pim, lambda: self.answer_s))
            for worker in self.workers:
                worker.want(count, Lane.LIVE)
            await asyncio.sleep(self.delay_s)

        self._run(begin())

    @rule(which=st.integers(0, 3))
    @precondition(lambda self: self.workers)
    def crash(self, which: int) -> None:
        async def end() -> None:
            self.workers.pop(which % len(self.workers)).die()

        self._run(end())

    @rule(which=st.integers(0, 3), again=st.booleans())
    @precondition(lambda self: self.workers)
    def lose_the_partition(self, which: int, again: bool) -> None:
        async def release() -> None:
            worker = self.workers[which % len(self.workers)]
            worker.gate.release()
            if again:
                worker.gate.claim()

        self._run(release())

    @rule()
    @precondition(lambda self: self.workers)
    def be_paused(self) -> None:
        """All workers stand still, and only time goes on."""
        self.loop.skip(8.0)

    @rule()
    @precondition(lambda self: self.checks < CHECKS_MAX)
    def try_a_token(self) -> None:
        """A worker that starts sends a request of its own, and tries it again."""
        self.checks += 1

        async def check() -> None:
            worker = Worker(self.topic, self.pim, lambda: self.answer_s)
            if await worker.gate.note_check(TRIES_MAX):
                now_s = self.loop.time()
                self.pim.sent += [[now_s, now_s + DEADLINE_S] for _ in range(TRIES_MAX)]

        self._run(check())

    @rule()
    @precondition(lambda self: len(self.workers) == 1 and self.workers[0].is_alive)
    def make_the_topic_anew(self) -> None:
        """An owner that lives knows, and tells those who come after it."""

        async def go_on() -> None:
            owner = self.workers[0]
            await asyncio.sleep(self.delay_s * 8)  # what is on its way
            if not owner.answered or not owner.gate.is_free(Lane.LIVE):
                return
            self.topic.empty(anew=True)
            self.checks = 0
            before = len(self.topic.records)
            owner.want(5, Lane.LIVE)
            await until(
                lambda: len(self.topic.records) >= before + 2 or not owner.wanted,
                every_s=self.delay_s,
            )

        self._run(go_on())

    def _lose(self) -> bool:
        loses, self.loses = self.loses, False
        return loses

    def _run(self, step: Any) -> None:
        self.loop.run_until_complete(step)


Owners.TestCase.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
TestOwners = Owners.TestCase
