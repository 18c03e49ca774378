"""However often the quota changes hands, the PIM never sees a request too many."""

import asyncio
import time

import pytest

from tests.faults.fleet import EXIT_WATCHDOG
from tests.faults.lab import Lab
from tests.faults.owners import (
    Scale,
    assert_never_overdrawn,
    bursting,
    edit_until,
    settle_bill,
)
from tests.faults.patches import FILE
from tests.faults.runs import Run, until

pytestmark = [pytest.mark.stack, pytest.mark.faults]

SCALE = Scale(requests=100, window_s=10, documents=320)
CUT_OFF = Scale(requests=100, window_s=10, documents=300)
CUT_AFTER_S = 3.0
TAKES_OVER_WITHIN_S = 60
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
            await until(
                lambda: owners.take_overs > 0, within_s=TAKES_OVER_WITHIN_S, otherwise="no owner"
            )
            owner = next(name for name, count in owners.seen.items() if count)
            await asyncio.sleep(CUT_AFTER_S)
            files[owner].touch()
            async with asyncio.timeout(SUCCEEDS_WITHIN_S):
                await edit_until(run, lambda: has_ended(run, owner))
            files[owner].unlink()
            bill = await settle_bill(run, CUT_OFF, owners, began_s, 0)
        lab.say(f"an owner cut off from its coordinator: {bill}; ends {run.fleet.exits}")

        bill.assert_within_quota()
        assert (owner, EXIT_WATCHDOG) in run.fleet.exits
        assert bill.take_overs >= 2


def has_ended(run: Run, name: str) -> bool:
    return any(each == name for each, _ in run.fleet.exits)
