"""One run: a PIM, a log, a cluster and workers in one virtual loop, and what a plan does to them."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from faust.types import TP

from runtime.errors import MustRestart, TransientError
from simulator.quota import Quota, Window
from tests.simulated.assembly import ALIASES, LIMITS, TOPICS, Surface
from tests.simulated.blows import WORKERS_MAX, strike
from tests.simulated.cluster import Cluster
from tests.simulated.group import SESSION_S, Group
from tests.simulated.log import Log
from tests.simulated.pim import Pim
from tests.simulated.plan import Change, Fault, Plan
from tests.simulated.traffic import Traffic
from tests.simulated.worker import Worker

PARTITIONS: Final = 3
SETTLES_WITHIN_S: Final = 3 * 3_600.0
_LOOK_EVERY_S: Final = 5.0
_BUSY_SHARE: Final = 0.5
_REST_S: Final = 300.0
_LOOK_FOR_CIRCLES_EVERY_S: Final = 60.0
_CIRCLES: Final = 3
_CIRCLES_MIN: Final = 300
_RESTARTED_AFTER_S: Final = (3.0, 40.0)


@dataclass
class World:
    """Everything there is; *went_back* says in words which search documents did."""

    plan: Plan
    started_s: float = 0.0
    went_back: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    workers: list[Worker] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    is_settled: bool = False
    epochs: dict[int, int] = field(default_factory=dict)  # partitions that each stands for
    versions: dict[tuple[str, str], int] = field(default_factory=dict)  # what the index holds
    _highest: dict[tuple[str, str], int] = field(default_factory=dict)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    is_busy: bool = False

    def __post_init__(self) -> None:
        self.random = random.Random(f"world {self.plan.seed}")  # noqa: S311  # a plan, not a secret

    async def play(self) -> None:
        """Live through the plan, then wait until nothing is on its way."""
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        self.started_s = self.clock()
        self.log = Log(self.clock, skew_s=self.plan.skews_s[0])
        self.log.create(TOPICS.notifications, PARTITIONS)
        self.log.create(TOPICS.snapshots, PARTITIONS)
        for topic in (TOPICS.due, TOPICS.quota, TOPICS.control, TOPICS.dead_letters):
            self.log.create(topic, 1)
        self.group = Group(
            {TOPICS.notifications: PARTITIONS, TOPICS.due: 1, TOPICS.snapshots: PARTITIONS}
        )
        self.cluster = Cluster(self.clock, ALIASES, self._written, self._is_busy)
        windows = [Window(limit, span_s) for limit, span_s in LIMITS]
        self.pim = Pim(self.clock, self.random, Quota(windows))
        self.traffic = Traffic(self.pim, self.log, self.clock)
        coordinating = asyncio.create_task(self.group.run())
        self.start_worker()
        self.start_worker()
        living = asyncio.create_task(self._live())
        watching = asyncio.create_task(self._watch_for_circles())
        try:
            async with asyncio.timeout(self.plan.hours * 3_600.0 + 2 * SETTLES_WITHIN_S):
                await asyncio.wait({living, watching}, return_when=asyncio.FIRST_COMPLETED)
            if living.done():
                living.result()
        except TimeoutError:
            self.failures.append("it never came to an end")
        finally:
            for task in (coordinating, living, watching):
                task.cancel()
            for worker in self.workers:
                worker.kill()
            for task in self._tasks:
                task.cancel()

    async def _live(self) -> None:
        quiet_since_s = self.clock()
        events: list[tuple[float, int, Change | Fault | str]] = []
        events += [(each.at_s, 0, each) for each in self.plan.changes]
        events += [(each.at_s, 0, each) for each in self.plan.faults]
        events += [(at_s, 1, name) for name, at_s in self.plan.finishes.items()]
        for at_s, _, event in sorted(events, key=lambda each: each[:2]):
            await self._until(at_s)
            if self.clock() - quiet_since_s > _REST_S and self._is_quiet():
                self._note_behind()
            quiet_since_s = self.clock()
            if isinstance(event, Change):
                self._spawn(self.traffic.change(event))
            elif isinstance(event, Fault):
                self.counts[event.blow] += 1
                self._spawn(strike(self, event))
            else:
                self._spawn(self.traffic.finish(event))
        await self._until(self.plan.hours * 3_600.0)
        while self._tasks:
            await asyncio.wait(list(self._tasks))
        await self._settle()

    async def _watch_for_circles(self) -> None:
        """Return once far more notifications are ours than were ever accepted."""
        notifications, accepted = self.log.history[TOPICS.notifications], self.traffic.accepted
        while len(notifications) < _CIRCLES * len(accepted) + _CIRCLES_MIN:  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(_LOOK_FOR_CIRCLES_EVERY_S)
        self.failures.append("it goes round in circles: triggers without end")

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, self.started_s + at_s - self.clock()))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(f"the world itself: {error!r}")

    # --- workers ---

    def start_worker(self) -> None:
        """Start one more."""
        skew_s = self.plan.skews_s[1 + len(self.workers) % (len(self.plan.skews_s) - 1)]
        surface = Surface(self.log, self.group, self.cluster, self.pim, self.random, self.epochs)
        worker = Worker(surface, skew_s, self._ended)
        self.workers.append(worker)
        worker.start()

    def _ended(self, worker: Worker, error: BaseException | None) -> None:
        self.workers.remove(worker)
        if worker.member is not None:
            self.forgotten += worker.member.forgotten
            if not worker.is_leaving:
                member = worker.member
                asyncio.get_running_loop().call_later(SESSION_S, self.group.leave, member)
        if error is not None:
            self.counts[f"ended by {type(error).__name__}"] += 1
            if not isinstance(error, MustRestart | TransientError):
                self.failures.append(f"a worker ended: {error!r}")
        if not (worker.is_leaving and self.workers):
            self._spawn(self._start_later())

    async def _start_later(self) -> None:
        await asyncio.sleep(self.random.uniform(*_RESTARTED_AFTER_S))
        if len(self.workers) < WORKERS_MAX:
            self.start_worker()

    def _is_busy(self) -> bool:
        return self.is_busy and self.random.random() < _BUSY_SHARE

    # --- what is seen ---

    def _written(self, index: str, id_: str, version: int, document: Mapping[str, Any]) -> None:
        self.counts["writes"] += 1
        version = document["sync"]["version"] if document else version
        self.versions[index, id_] = version
        highest = self._highest.get((index, id_), 0)
        if version < highest:
            self.went_back.append(f"{index}/{id_} from {highest} to {version}")
        self._highest[index, id_] = max(version, highest)

    async def _settle(self) -> None:
        deadline_s = self.clock() + SETTLES_WITHIN_S
        while self.clock() < deadline_s:
            await asyncio.sleep(_LOOK_EVERY_S)
            if not self._tasks and self._is_quiet():
                self.is_settled = True
                self._note_behind()
                return

    def _note_behind(self) -> None:
        """Note the resources of which compaction would keep an older snapshot than the index has."""
        lying = [each for each in self.log.of(TOPICS.snapshots) if each.value]
        last = {each.key: int(orjson.loads(each.value or b"")["version"]) for each in lying}
        for key, version in last.items():
            held = self.versions.get((ALIASES[0], (key or b"").decode()), 0)
            if version < held:
                self.behind.append(f"behind: the log ends with {version} of {key!r}, not {held}")

    def _is_quiet(self) -> bool:
        """Whether the group has come to the end of every topic."""
        return all(
            self.group.committed.get(TP(topic, number), (0, ""))[0] >= partition.end
            for topic in self.group.partitions
            for number, partition in enumerate(self.log.topics[topic])
        )
