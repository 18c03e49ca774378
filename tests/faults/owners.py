"""Owners of the quota come and go while a burst waits for it; the PIM counts every request."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ops.connections import kafka_admin
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
    def within_s(self) -> float:
        """How long the burst may take: four times what the quota alone allows."""
        return 120 + 4 * self.window_s * self.documents / self.requests


@dataclass
class Owners:
    """Who has taken the quota over, and how often, by the workers' logs."""

    run: Run
    seen: dict[str, int] = field(default_factory=dict)

    def newest(self) -> Child | None:
        """Return a worker that has taken over since the last look."""
        found = None
        for worker in self.run.fleet.workers:
            count = worker.log.read_bytes().count(TAKEN_OVER) if worker.log.exists() else 0
            if count > self.seen.get(worker.name, 0):
                found = worker
            self.seen[worker.name] = count
        return found

    @property
    def take_overs(self) -> int:
        """How often the quota was taken over."""
        self.newest()
        return sum(self.seen.values())


@dataclass(frozen=True, slots=True)
class Bill:
    """What the PIM has counted."""

    requests: int
    refused: int
    peak: int
    limit: int
    window_s: int
    take_overs: int
    kills: int
    seconds: float

    def assert_within_quota(self) -> None:
        """Fail if a single request was too many, or if the quota was never short."""
        assert self.refused == 0, self
        assert self.peak <= self.limit, self
        assert self.peak >= self.limit // 2, self

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
            kills = await kill_each(run, owners, wipe_at=wipe_at)
            bill = await settle_bill(run, scale, owners, began_s, kills)

        bill.assert_within_quota()
        assert kills >= kills_min, bill
        assert wipe_at is None or run.fleet.count_logged(REMEMBERED) > 0
    return f"each owner killed after 5 s: {bill}"


async def edit_until(run: Run, is_over: Callable[[], bool]) -> None:
    """Edit one document after the other, so that somebody always wants to send."""
    for number in itertools.cycle(range(len(run.burst.codes))):
        if is_over():
            return
        await run.burst.edit(number)
        await asyncio.sleep(_EDIT_EVERY_S)


async def kill_each(run: Run, owners: Owners, *, wipe_at: int | None = None) -> int:
    """
    Kill each owner some seconds after it took over, until nothing waits; return how many.

    The owner of that number, from 1, finds the topic `quota` made anew, and tells what it knows.
    """
    kills = 0
    while await run.installation.lag() > 0 or not (await run.installation.look("idle"))["idle"]:
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
    """Wait until everything is indexed; return what the PIM counted."""
    agreement = await settle(run.installation, scale.within_s)
    assert agreement.is_equal, f"{agreement}: {agreement.examples()}"
    assert agreement.same >= scale.documents
    counted: Mapping[str, Any] = await run.installation.look("requests")
    return Bill(
        requests=counted["total"],
        refused=counted["statuses"].get("429", 0),
        peak=counted["peaks"][str(scale.window_s)],
        limit=scale.requests,
        window_s=scale.window_s,
        take_overs=await asyncio.to_thread(lambda: owners.take_overs),
        kills=kills,
        seconds=time.monotonic() - began_s,
    )
