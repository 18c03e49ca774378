"""Executes plans on real processes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from ops.catalog import read_catalog
from ops.connections import kafka_admin
from ops.installation import UNANSWERED, Installation
from pim.kinds import Kind
from runtime.errors import Unreachable
from runtime.points import VARIABLE
from simulator.control_bodies import BULK_MAX
from stack.server import Server
from tests.faults.burst import Burst, open_burst
from tests.faults.canary import find_in_files, to_secrets
from tests.faults.fleet import EXIT_KILLED, EXIT_WATCHDOG, Fleet
from tests.faults.metrics import read_metric, to_ingress_address
from tests.faults.oracle import Verdict, judge
from tests.faults.plan import Blow, Plan, PointRound
from tests.faults.sampling import Sampler
from tests.faults.settling import settle
from tests.faults.strikes import strike

DOCUMENTS: Final = 40
SESSION_S: Final = 6.0
DIES_WITHIN_S: Final = 45.0
_POLL_S: Final = 0.1
_STARTING: Final = asyncio.Semaphore(2)
"""Topics and processes are made a few at a time: two cores have enough to do."""
_EDIT_EVERY_S: Final = 0.5

SETTINGS: Final = {
    "QUINDEX_SESSION_TIMEOUT_S": f"{SESSION_S:g}",
    "QUINDEX_KINDS": "document,variant",
    "QUINDEX_LEAD_S": "0.1",
    "QUINDEX_QUIET_S": "0.3",
    "QUINDEX_DELAY_MAX_S": "2",
}


@dataclass
class Run:
    """An installation with its workers, its burst and its sampler."""

    installation: Installation
    fleet: Fleet
    burst: Burst
    sampler: Sampler
    servers: Mapping[Blow, Server]

    async def execute(self, plan: Plan) -> None:
        """Make a plan's changes and strike its blows, both when they are due."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.burst.run(plan))
            group.create_task(self._strike_all(plan))

    async def execute_point(self, round_: PointRound) -> None:
        """Replace the workers by armed ones, and make changes until one of them has died."""
        await asyncio.gather(*(self.fleet.leave(worker) for worker in list(self.fleet.workers)))
        before = self.fleet.count_exits(EXIT_KILLED)  # who leaves may still be armed, and be killed
        armed = {VARIABLE: f"{round_.point}:{round_.nth}"}
        for _ in range(2):
            self.fleet.start_worker(once=armed)
        await self.burst.run(round_.plan)
        await self.burst.restore(round_.plan)
        deadline_s = time.monotonic() + DIES_WITHIN_S
        while self.fleet.count_exits(EXIT_KILLED) == before:
            said = f"no worker reached {round_.point} for the {round_.nth}. time"
            assert time.monotonic() < deadline_s, said
            await self.burst.edit(0)
            await asyncio.sleep(_EDIT_EVERY_S)

    async def judge(self, *, within_s: float = 120.0) -> Verdict:
        """Wait until the spool is empty and all has converged, and look at everything."""
        await until_true(
            self._spool_is_empty, within_s=within_s, otherwise="the spool is not drained"
        )
        return await judge(self.installation, self.sampler, within_s=within_s)

    async def _spool_is_empty(self) -> bool:
        address = to_ingress_address(self.installation)
        return await read_metric(address, "quindex_spool_rows") == 0

    async def _strike_all(self, plan: Plan) -> None:
        started_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in plan.faults:
                await asyncio.sleep(max(0.0, fault.at_s - (time.monotonic() - started_s)))
                group.create_task(strike(fault, self.fleet, self.servers))


async def until(
    condition: Callable[[], object], *, within_s: float, otherwise: str | Callable[[], str] = ""
) -> None:
    """Return once *condition* holds, which may block; fail if it does not in time."""
    await until_true(lambda: asyncio.to_thread(condition), within_s=within_s, otherwise=otherwise)


async def until_true(
    ask: Callable[[], Awaitable[object]],
    *,
    within_s: float,
    otherwise: str | Callable[[], str] = "",
) -> None:
    """Return once the answer is true; fail if it is not in time. No answer is not yet one."""
    deadline_s = time.monotonic() + within_s
    while True:
        unanswered: Exception | None = None
        try:
            if await ask():
                return
        except UNANSWERED as error:
            unanswered = error
        if time.monotonic() > deadline_s:
            said = otherwise if isinstance(otherwise, str) else otherwise()
            said += f" {unanswered!r}" if unanswered else ""
            raise AssertionError(f"not within {within_s:g} s: {said}") from unanswered
        await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def open_run(
    kafka: str,
    elasticsearch: str,
    folder: Path,
    *,
    label: str,
    workers: int = 2,
    wrapper: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    documents: int = DOCUMENTS,
    servers: Mapping[Blow, Server] | None = None,
    may_exit: Collection[int] = (EXIT_KILLED, EXIT_WATCHDOG),
    may_vanish: bool = False,
    announced: bool = True,
    watched: bool = True,
    more: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[Run]:
    """
    Start an installation, let it index its catalog, and stop it in the end.

    Not *announced*, the index begins empty; not *watched*, it is too large to be sampled.
    """
    installation = Installation(
        kafka,
        elasticsearch,
        folder / label,
        prefix=f"f{uuid4().hex[:8]}",
        documents=documents,
        more={**SETTINGS, **(more or {})},
        **options,
    )
    fleet = Fleet(installation, may_exit, wrapper)
    try:
        async with _STARTING:
            await installation.start(workers=0)
        for _ in range(workers):
            fleet.start_worker(environment=environment)
        burst = await open_burst(installation, documents)
        await fleet.ready()
        sampler = Sampler(installation, may_vanish=may_vanish)
        async with fleet, sampler if watched else nullcontext():
            if announced:
                await announce_all(installation)
            yield Run(installation, fleet, burst, sampler, servers or {})
        assert fleet.unplanned == [], "\n".join(fleet.unplanned[:2])
        secrets = to_secrets(installation)
        assert list(find_in_files(installation.folder, secrets)) == []
    finally:
        await installation.stop()
        await asyncio.to_thread(remove, installation)


async def announce_all(installation: Installation, within_s: float = 120.0) -> None:
    """Have the whole catalog indexed: one edit of each document, and of each variant if wanted."""
    await installation.control("bulk-edit", documents=BULK_MAX)
    for kind, code, _ in await read_catalog(installation.http):
        if kind is Kind.VARIANT and kind.value in installation.settings.kinds:
            await installation.control("edit", kind="variant", code=code)
    agreement = await settle(installation, within_s)
    assert agreement.is_equal, f"{agreement}: {agreement.examples()}"


def remove(installation: Installation) -> None:
    """Delete the topics of an installation that has ended, so that the broker need not keep them."""
    try:
        _delete_topics(installation)
    except Unreachable:  # it takes a busy broker longer than it is given: what is left, once more
        _delete_topics(installation)


def _delete_topics(installation: Installation) -> None:
    with kafka_admin(installation.settings) as admin:
        topics = [
            name for name in admin.list_topics() if name.startswith(f"{installation.prefix}.")
        ]
        admin.delete_topics(topics)
