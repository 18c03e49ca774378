"""
The long campaign: `scripts/faults`.

The seed decides the plan, and nothing else does: the same seed with the same options repeats it
exactly, and --plan shows it without carrying it out.
"""

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from runtime.points import POINTS
from stack.local import LocalStack
from tests.faults.backlog import assert_live_goes_first
from tests.faults.fleet import EXIT_KILLED, EXIT_WATCHDOG
from tests.faults.flood import assert_bounded
from tests.faults.owners import Scale, assert_never_overdrawn
from tests.faults.pim_faults import GROUPS, Group, suffer
from tests.faults.plan import Blow, Plan, PointRound, to_campaign, to_point_rounds
from tests.faults.runs import DOCUMENTS, Run, open_run

POINT_BURST_S: Final = 3.0
WORKERS_MAX: Final = 4
SETTLE_WITHIN_S: Final = 240.0
UNREACHABLE: Final = (1, 4)
"""A worker that starts while its servers are away ends; its supervisor starts it again."""


def say(line: str) -> None:
    """Tell it at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def carry_out(
    stack: LocalStack, folder: Path, plans: tuple[Plan, ...], rounds: tuple[PointRound, ...]
) -> None:
    """
    Carry out a campaign on one installation.

    Raises:
        AssertionError: a promise was not kept.
    """
    began_s = time.monotonic()
    async with open_run(
        stack.kafka,
        stack.elasticsearch,
        folder,
        label="campaign",
        servers={
            Blow.KAFKA: stack.kafka_server,
            Blow.ELASTICSEARCH: stack.elasticsearch_server,
        },
        may_exit=(EXIT_KILLED, EXIT_WATCHDOG, *UNREACHABLE),
        more={"QUINDEX_PIM_QUOTA_10MIN": "100000", "QUINDEX_UNANNOUNCED_DELETES_MAX": "1000000"},
    ) as run:
        for number, plan in enumerate(plans):
            await run.execute(plan)
            await run.burst.restore(plan)
            await keep_workers(run)
            said = ", ".join(f"{plan.count(blow)} {blow}" for blow in Blow if plan.count(blow))
            await report(run, f"{number + 1}/{len(plans)}: {said}", began_s)
        for number, round_ in enumerate(rounds):
            await run.execute_point(round_)
            name = f"{number + 1}/{len(rounds)}: {round_.point}:{round_.nth}"
            await report(run, name, began_s)


async def keep_workers(run: Run) -> None:
    """Let those leave that joined beyond what the machine can bear."""
    while len(run.fleet.workers) > WORKERS_MAX:
        await run.fleet.leave(run.fleet.workers[0])
    while len(run.fleet.workers) < 2:  # or a kill is an outage
        run.fleet.start_worker()


async def report(run: Run, name: str, began_s: float) -> None:
    """Judge, and tell what was found."""
    verdict = await run.judge(within_s=SETTLE_WITHIN_S)
    say(f"{time.monotonic() - began_s:6.0f} s  {name}: {verdict}")
    verdict.assert_kept()


async def flood(stack: LocalStack, folder: Path) -> None:
    """Let 200,000 notifications on 50,000 keys arrive while Elasticsearch is down."""
    say(await assert_bounded(stack, folder, keys=50_000, notifications=200_000))


async def misbehave(stack: LocalStack, folder: Path, *, seconds: float) -> None:
    """Let the PIM misbehave, in groups side by side, so long in each way."""

    async def suffer_group(group: Group) -> None:
        async with open_run(
            stack.kafka,
            stack.elasticsearch,
            folder,
            label=f"pim-{group.name}",
            **group.to_options(),
        ) as run:
            for line in await suffer(run, group, seconds=seconds):
                say(line)

    async with asyncio.TaskGroup() as tasks:
        for group in GROUPS:
            tasks.create_task(suffer_group(group))


async def change_owners(stack: LocalStack, folder: Path) -> None:
    """Kill each owner of the quota while 5,000 documents wait; the second finds its topic anew."""
    scale = Scale(requests=600, window_s=60, documents=5_000)
    servers = stack.kafka, stack.elasticsearch
    say(await assert_never_overdrawn(*servers, folder, scale, wipe_at=2))


async def pile_up(stack: LocalStack, folder: Path) -> None:
    """Let 300,000 keys of a process wait while people edit."""
    servers = stack.kafka, stack.elasticsearch
    say(await assert_live_goes_first(*servers, folder, keys=300_000))


def main() -> None:
    """Parse the options and carry out the campaign."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10, help="how many rounds of about a minute")
    parser.add_argument("--seed", default=None, help="default: a new one, which is printed")
    parser.add_argument("--points", type=int, default=0, help="kills at each labelled point")
    parser.add_argument("--memory", action="store_true", help="the flood of 200,000 instead")
    parser.add_argument("--pim", action="store_true", help="a PIM that misbehaves instead")
    parser.add_argument("--quota", action="store_true", help="owners of the quota killed instead")
    parser.add_argument("--backlog", action="store_true", help="300,000 keys that wait instead")
    parser.add_argument("--plan", action="store_true", help="print the plan only")
    options = parser.parse_args()
    seed = options.seed or secrets.token_hex(4)
    plans = to_campaign(seed, minutes=options.minutes, documents=DOCUMENTS)
    rounds = to_point_rounds(
        f"{seed}/points", POINTS, times=options.points, seconds=POINT_BURST_S, documents=DOCUMENTS
    )
    say(f"seed {seed}")
    if options.plan:
        for each in (*plans, *rounds):
            say(repr(each))
        return
    with tempfile.TemporaryDirectory(prefix="quindex-faults-") as folder, LocalStack() as stack:
        if options.memory:
            work = flood(stack, Path(folder))
        elif options.quota:
            work = change_owners(stack, Path(folder))
        elif options.backlog:
            work = pile_up(stack, Path(folder))
        elif options.pim:
            work = misbehave(stack, Path(folder), seconds=60.0 * options.minutes)
        else:
            work = carry_out(stack, Path(folder), plans, rounds)
        try:
            asyncio.run(work)
        except BaseException:
            kept = f"{folder}-kept"
            os.rename(folder, kept)  # noqa: PTH104  # the logs say what happened
            Path(folder).mkdir()
            say(f"failed with seed {seed}; the logs are in {kept}")
            raise
    say(f"every promise was kept (seed {seed})")


if __name__ == "__main__":
    main()
