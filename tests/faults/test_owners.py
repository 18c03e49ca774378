"""However often the quota changes hands, the PIM never sees a request too many."""

import asyncio
import time

import pytest

from stack.child import Child
from tests.faults.fleet import EXIT_WATCHDOG
from tests.faults.lab import Lab
from tests.faults.owners import (
    Owners,
    Scale,
    assert_never_overdrawn,
    bursting,
    editing,
    settle_bill,
    until_steady,
)
from tests.faults.patches import FILE
from tests.faults.runs import Run, until

pytestmark = [pytest.mark.stack, pytest.mark.faults]

SCALE = Scale(requests=100, window_s=10, documents=320)
CUT_OFF = Scale(requests=100, window_s=10, documents=300)
ASSIGNED = b'"partitions.assigned"'
FETCHED = b'"resource.fetched"'
RIVAL = b"the quota was taken over by"
TAKES_OVER_WITHIN_S = 120
SUCCEEDS_WITHIN_S = 90


async def test_owners_that_are_killed_after_five_seconds_never_overdraw(lab: Lab) -> None:
    """All requests arrive late. `scripts/faults --quota` makes the topic of grants anew, too."""
    servers = lab.servers.kafka, lab.servers.elasticsearch
    lab.say(await assert_never_overdrawn(*servers, lab.folder, SCALE, kills_min=2))


async def test_an_owner_without_its_coordinator_ends_when_its_successor_works(lab: Lab) -> None:
    """It still reaches broker and PIM, and does not know that its partitions have moved."""
    options = CUT_OFF.to_options()
    wrapper = ("tests.faults.mutant", "give-up-soon,lose-the-coordinator")
    async with lab.open_run("cut-off", **(options | {"workers": 0})) as run:
        files = {}
        for number in range(2):
            file = lab.folder / f"cut-off-{number}"
            worker = run.fleet.start_worker(*wrapper, environment={FILE: str(file)})
            files[worker.name] = file
        await run.fleet.ready()
        began_s = time.monotonic()
        async with bursting(run, CUT_OFF) as owners:
            async with editing(run):
                await until(
                    lambda: owners.take_overs > 0 and all(map(has_partitions, run.fleet.workers)),
                    within_s=TAKES_OVER_WITHIN_S,
                    otherwise="no owner, or a worker that has not joined",
                )
                async with asyncio.timeout(TAKES_OVER_WITHIN_S):
                    await until_steady(owners, owners.last)
                owner = await who_sends(run, owners)
                since, ends = owner.log.stat().st_size, len(run.fleet.exits)
                files[owner.name].touch()
                await until(
                    lambda: owner.name in dict(run.fleet.exits[ends:]),
                    within_s=SUCCEEDS_WITHIN_S,
                    otherwise=owner.log_tail,
                )
                files[owner.name].unlink()
            bill = await settle_bill(run, CUT_OFF, owners, began_s, 0)
        lab.say(f"an owner cut off from its coordinator: {bill}; ends {run.fleet.exits}")

        bill.assert_within_quota()
        assert (owner.name, EXIT_WATCHDOG) in run.fleet.exits[ends:]
        assert RIVAL in owner.log.read_bytes()[since:]
        assert bill.take_overs >= 2


async def who_sends(run: Run, owners: Owners) -> Child:
    """Return who took over last, once it sends: one that has lost its partitions does not."""
    since = {worker.name: worker.log.stat().st_size for worker in run.fleet.workers}

    def is_sending() -> bool:
        owners.newest()
        return FETCHED in owners.last.log.read_bytes()[since[owners.last.name] :]

    await until(is_sending, within_s=TAKES_OVER_WITHIN_S, otherwise="no owner sends")
    return owners.last


def has_partitions(worker: Child) -> bool:
    """Whether a worker has joined; those that came before may have lost theirs to it."""
    return ASSIGNED in worker.log.read_bytes()
