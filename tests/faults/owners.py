"""Owners of the quota come and go while a burst waits for it; the PIM counts every request."""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ops.connections import kafka_admin
from ops.installation import UNANSWERED
from ops.setup import set_up
from stack.child import Child
from tests.faults.burst import put
from tests.faults.runs import Run, open_run, until, until_true
from tests.faults.settling import settle
from tests.faults.zombies import to_wrapper

TAKEN_OVER: Final = b'"quota.taken_over"'
REMEMBERED: Final = '"quota.remembered"'
REMEMBERS_WITHIN_S: Final = 60.0
KILLED_AFTER_S: Final = 5.0
STEADY_S: Final = 8.0
"""Longer than a worker that was killed takes to come back and move the partitions once more."""
_POLL_S: Final = 0.2
_EDIT_EVERY_S: Final = 0.08
_DAY: Final = {"requests_max": 300_000, "window_s": 86_400}


@dataclass(frozen=True, slots=True)
class Scale:
    """A quota of so many requests in so many seconds, and a burst over so many documents."""

    requests: int
    window_s: int  # one of those that the PIM keeps the peak of: 10, 60
    documents: int
    jitter_s: float = 1.0

    def to_options(self, *, patches: tuple[str, ...] = ("give-up-soon",)) -> dict[str, Any]:
        """Return what an installation needs; the whole quota is its own, and nothing is packed."""
        return {
            "documents": self.documents,
            "announced": False,
            "watched": False,
            "locales": "fr_FR",
            "fallbacks": "",
            "wrapper": to_wrapper(*patches),
            "more": {
                "QUINDEX_KINDS": "document",
                "QUINDEX_PIM_BATCH_MAX": "1",
                "QUINDEX_PIM_QUOTA_10MIN": str(self.requests),
                "QUINDEX_PIM_QUOTA_WINDOW_S": str(self.window_s),
                "QUINDEX_PIM_QUOTA_SHARE": "1",
            },
        }

    @property
    def floor(self) -> int:
        """So many requests in one window show that the quota was short; a busy machine sends few."""
        return self.requests // 2

    @property
    def within_s(self) -> float:
        """How long the burst may take: four times what the quota alone allows."""
        return 120 + 4 * self.window_s * self.documents / self.requests


@dataclass
class Owners:
    """Who has taken the quota over, and when, by the workers' logs."""

    run: Run
    seen: list[tuple[str, str]] = field(default_factory=list)  # moment and name, oldest first

    def newest(self) -> Child | None:
        """Return the worker that has taken over last, if somebody has since the last look."""
        workers = self.run.fleet.workers
        logs = {it.name: it.log.read_bytes() for it in workers if it.log.exists()}
        before, self.seen = self.seen, to_take_overs(logs)
        return self.last if len(self.seen) > len(before) else None

    @property
    def last(self) -> Child:
        """Who had taken over last when it was last looked."""
        name = self.seen[-1][1]
        return next(worker for worker in self.run.fleet.workers if worker.name == name)

    @property
    def take_overs(self) -> int:
        """How often the quota was taken over."""
        self.newest()
        return len(self.seen)


def to_take_overs(logs: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Return when the quota was taken over and by whom, oldest first; *logs* are by worker."""
    return sorted(
        (json.loads(line)["timestamp"], name)
        for name, log in logs.items()
        for line in log.splitlines(keepends=True)
        if TAKEN_OVER in line and line.endswith(b"\n")  # else it is still being written
    )


@dataclass(frozen=True, slots=True)
class Bill:
    """What the PIM has counted."""

    requests: int
    refused: int
    peak: int
    floor: int
    limit: int
    window_s: int
    take_overs: int
    kills: int
    seconds: float

    def assert_within_quota(self) -> None:
        """Fail if a single request was too many, or if the quota was never short."""
        assert self.refused == 0, self
        assert self.peak <= self.limit, self
        assert self.peak >= self.floor, self

    def __str__(self) -> str:
        return (
            f"{self.requests} requests in {self.seconds:.0f} s, at most {self.peak} of {self.limit}"
            f" in any {self.window_s} s, {self.refused} answers of 429,"
            f" {self.take_overs} take-overs, {self.kills} kills"
        )


@asynccontextmanager
async def bursting(run: Run, scale: Scale) -> AsyncIterator[Owners]:
    """Edit every document in one process, before the block; requests arrive late, and are counted."""
    installation = run.installation
    windows = [{"requests_max": scale.requests, "window_s": scale.window_s}, _DAY]
    await put(installation, "quota", windows=windows)
    await put(installation, "faults/jitter", seconds=scale.jitter_s)
    await installation.http.delete("/control/requests")
    await installation.control("bulk-edit", documents=list(run.burst.codes))
    yield Owners(run)


async def assert_never_overdrawn(
    kafka: str,
    elasticsearch: str,
    folder: Path,
    scale: Scale,
    *,
    kills_min: int = 3,
    wipe_at: int | None = None,
) -> str:
    """Kill each owner while a burst waits; return what was counted. See `kill_each`."""
    options = scale.to_options()
    async with open_run(kafka, elasticsearch, folder, label="owners", **options) as run:
        began_s = time.monotonic()
        async with bursting(run, scale) as owners:
            kills = await kill_each(run, owners, within_s=scale.within_s, wipe_at=wipe_at)
            bill = await settle_bill(run, scale, owners, began_s, kills)

        bill.assert_within_quota()
        assert kills >= kills_min, bill
        assert wipe_at is None or run.fleet.count_logged(REMEMBERED) > 0
    return f"each owner killed after 5 s: {bill}"


@asynccontextmanager
async def editing(run: Run) -> AsyncIterator[None]:
    """Edit one document after the other meanwhile, so that somebody always wants to send."""

    async def edit() -> None:
        for number in itertools.cycle(range(len(run.burst.codes))):
            await run.burst.edit(number)
            await asyncio.sleep(_EDIT_EVERY_S)

    task = asyncio.create_task(edit())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until_short(run: Run, scale: Scale) -> None:
    """Edit until the quota was short: half of it was used within one window."""

    async def was_short() -> bool:
        return await read_peak(run, scale) >= scale.floor

    if await was_short():
        return
    async with editing(run):
        await until_true(was_short, within_s=scale.within_s, otherwise="the quota was never short")


async def read_peak(run: Run, scale: Scale) -> int:
    """Return the most requests that the PIM has had in one window."""
    return int((await run.installation.look("requests"))["peaks"][str(scale.window_s)])


async def kill_each(
    run: Run, owners: Owners, *, within_s: float, wipe_at: int | None = None
) -> int:
    """
    Kill each owner some seconds after it took over, until nothing waits; return how many.

    The owner of the number *wipe_at*, from 1, finds the topic `quota` made anew, and tells what it
    knows. After *within_s* no more are killed: on a busy machine they would get nothing done.
    """
    kills, deadline_s = 0, time.monotonic() + within_s
    while time.monotonic() < deadline_s and not await is_quiet(run):
        worker = await asyncio.to_thread(owners.newest)
        if worker is None:
            await asyncio.sleep(_POLL_S)
            continue
        began_s = time.monotonic()
        if kills + 1 == wipe_at:
            worker = await until_steady(owners, worker)
            await wipe_quota(run)
            await until(
                lambda: run.fleet.count_logged(REMEMBERED),
                within_s=REMEMBERS_WITHIN_S,
                otherwise="the owner did not notice",
            )
        await asyncio.sleep(max(0.0, began_s + KILLED_AFTER_S - time.monotonic()))
        await run.fleet.kill(worker)
        kills += 1
    return kills


async def is_quiet(run: Run) -> bool:
    """Whether nothing waits; no answer does not say so."""
    try:
        return await run.installation.is_quiet()
    except UNANSWERED:
        return False


async def until_steady(owners: Owners, worker: Child) -> Child:
    """Wait until nobody has taken over for a while after *worker* did; return who was the last."""
    while True:
        await asyncio.sleep(STEADY_S)
        newer = await asyncio.to_thread(owners.newest)
        if newer is None:
            return worker
        worker = newer


async def wipe_quota(run: Run) -> None:
    """Delete the topic `quota`, and have it created again."""
    installation = run.installation
    topic = installation.topics.quota

    def delete() -> None:
        with kafka_admin(installation.settings) as admin:
            admin.delete_topics([topic])

    def is_gone() -> bool:
        with kafka_admin(installation.settings) as admin:
            return topic not in admin.list_topics()

    await asyncio.to_thread(delete)
    await until_true(lambda: asyncio.to_thread(is_gone), within_s=30, otherwise="still there")
    await set_up(installation.settings)


async def settle_bill(run: Run, scale: Scale, owners: Owners, began_s: float, kills: int) -> Bill:
    """Wait until the quota was short and everything is indexed; return what the PIM counted."""
    await until_short(run, scale)
    agreement = await settle(run.installation, scale.within_s)
    assert agreement.is_equal, f"{agreement}: {agreement.examples()}"
    assert agreement.same >= scale.documents
    counted: Mapping[str, Any] = await run.installation.look("requests")
    return Bill(
        requests=counted["total"],
        refused=counted["statuses"].get("429", 0),
        peak=counted["peaks"][str(scale.window_s)],
        floor=scale.floor,
        limit=scale.requests,
        window_s=scale.window_s,
        take_overs=await asyncio.to_thread(lambda: owners.take_overs),
        kills=kills,
        seconds=time.monotonic() - began_s,
    )
