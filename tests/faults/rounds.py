"""Rounds of the long campaign, one after the other on the same installation, each judged."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from stack.local import LocalStack
from tests.faults.burst import put
from tests.faults.fleet import EXIT_KILLED, EXIT_UNREACHABLE, EXIT_WATCHDOG
from tests.faults.plan import Blow, Plan, PointRound
from tests.faults.runs import Run, open_run

WORKERS_MAX: Final = 4
SETTLE_WITHIN_S: Final = 240.0
SIDE_BY_SIDE: Final = 3
"""So many installations share the points: a round mostly waits."""
MAY_EXIT: Final = (EXIT_KILLED, EXIT_WATCHDOG, 1, EXIT_UNREACHABLE)
"""A worker that starts while its servers are away ends; its supervisor starts it again."""
TIME_SCALE: Final = 20.0
"""
Five minutes between a webhook's attempts become 15 s: longer than a killed ingress takes to start
on a machine that is busy, or the webhook would be disabled, as Quable would in ten minutes.
"""
MORE: Final = {
    "QUINDEX_PIM_QUOTA_10MIN": "100000",
    "QUINDEX_UNANNOUNCED_DELETES_MAX": "1000000",
}


def say(line: str) -> None:
    """Tell it at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def carry_out(
    stack: LocalStack, folder: Path, plans: tuple[Plan, ...], *, wrapper: tuple[str, ...] = ()
) -> None:
    """
    Carry out plans on one installation, whose servers may be stopped too.

    Raises:
        AssertionError: a promise was not kept.
    """
    began_s = time.monotonic()
    async with open_run(
        stack.kafka,
        stack.elasticsearch,
        folder,
        label="campaign",
        wrapper=wrapper,
        servers={
            Blow.KAFKA: stack.kafka_server,
            Blow.ELASTICSEARCH: stack.elasticsearch_server,
        },
        may_exit=MAY_EXIT,
        more=MORE,
    ) as run:
        await put(run.installation, "webhook/options", time_scale=TIME_SCALE)
        for number, plan in enumerate(plans, start=1):
            await run.execute(plan)
            await run.burst.restore(plan)
            await _keep_workers(run)
            said = ", ".join(f"{plan.count(blow)} {blow}" for blow in Blow if plan.count(blow))
            await _report(run, f"{number}/{len(plans)}: {said}", began_s)


async def carry_out_points(stack: LocalStack, folder: Path, rounds: tuple[PointRound, ...]) -> None:
    """
    Kill a worker in each round, in a few installations side by side.

    Raises:
        AssertionError: a promise was not kept.
    """
    began_s, done = time.monotonic(), 0

    async def carry_out_share(share: tuple[PointRound, ...], label: str) -> None:
        nonlocal done
        async with open_run(
            stack.kafka,
            stack.elasticsearch,
            folder,
            label=label,
            may_exit=MAY_EXIT,
            more=MORE,
        ) as run:
            for round_ in share:
                await run.execute_point(round_)
                done += 1
                name = f"{done}/{len(rounds)}: {round_.point}:{round_.nth}"
                await _report(run, name, began_s)

    async with asyncio.TaskGroup() as tasks:
        for number in range(SIDE_BY_SIDE):
            share = rounds[number::SIDE_BY_SIDE]
            tasks.create_task(carry_out_share(share, f"points-{number}"))


async def _keep_workers(run: Run) -> None:
    """Let those leave that joined beyond what the machine can bear."""
    while len(run.fleet.workers) > WORKERS_MAX:
        await run.fleet.leave(run.fleet.workers[0])
    while len(run.fleet.workers) < 2:  # or a kill is an outage
        run.fleet.start_worker()


async def _report(run: Run, name: str, began_s: float) -> None:
    """Judge, and tell what was found."""
    verdict = await run.judge(within_s=SETTLE_WITHIN_S)
    say(f"{time.monotonic() - began_s:6.0f} s  {name}: {verdict}")
    verdict.assert_kept()
