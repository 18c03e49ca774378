"""A worker that only looks alive ends itself, says why, and its successor goes on."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from streams.stall import STALLED_AFTER_S
from tests.faults.fleet import EXIT_WATCHDOG
from tests.faults.lab import Lab
from tests.faults.patches import FILE
from tests.faults.runs import until
from tests.faults.zombies import to_wrapper

pytestmark = [pytest.mark.stack, pytest.mark.faults]

ENDS_WITHIN_S = 240  # a rebalance begins the minute of a stage anew
QUIET_MAX_S = 90
EDIT_EVERY_S = 2.0

CAUSES = {
    "block-an-agent": r"\.snapshots is \d+ records behind and has not gone on for (\d+) s",
    "block-the-loop": "loop.blocked",
    "break-the-coordinator": "the group coordinator gave up",
}


@pytest.mark.parametrize("fault", sorted(CAUSES))
async def test_a_worker_that_only_looks_alive_ends_with_70_and_names_the_cause(
    lab: Lab, fault: str
) -> None:
    file = lab.folder / f"{fault}.asked"
    async with lab.open_run(
        fault, workers=1, documents=20, wrapper=to_wrapper(fault), environment={FILE: str(file)}
    ) as run:
        worker = run.fleet.workers[0]
        began_s = time.monotonic()
        await asyncio.to_thread(file.touch)
        editing = asyncio.create_task(_keep_editing(run.burst.edit))
        try:
            await until(
                lambda: run.fleet.count_exits(EXIT_WATCHDOG) >= 1,
                within_s=ENDS_WITHIN_S,
                otherwise=worker.log_tail,
            )
        finally:
            editing.cancel()
        seconds = time.monotonic() - began_s
        said = _criticals(worker.log)
        await asyncio.to_thread(file.unlink)
        verdict = await run.judge()
        lab.say(f"{fault}: after {seconds:.0f} s: {said}")

        found = re.search(CAUSES[fault], said)
        assert found, said
        assert all(STALLED_AFTER_S <= int(quiet_s) <= QUIET_MAX_S for quiet_s in found.groups())
        verdict.assert_kept()


async def _keep_editing(edit: Callable[[int], Awaitable[str]]) -> None:
    while True:
        await edit(0)
        await asyncio.sleep(EDIT_EVERY_S)


def _criticals(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "; ".join(line for line in lines if '"critical"' in line)
