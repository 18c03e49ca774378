"""
The long campaign: `scripts/faults`.

The seed decides the plan, and nothing else does: the same seed with the same options repeats it
exactly, and --plan shows it without carrying it out.
"""

import argparse
import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from runtime.points import POINTS
from stack.local import LocalStack
from tests.faults.backlog import assert_live_goes_first
from tests.faults.flood import assert_bounded
from tests.faults.mutants import MUTANTS
from tests.faults.owners import Scale, assert_never_overdrawn
from tests.faults.pim_faults import GROUPS, Group, suffer
from tests.faults.plan import Plan, to_campaign, to_point_rounds
from tests.faults.rounds import carry_out, carry_out_points, say
from tests.faults.runs import DOCUMENTS, open_run
from tests.faults.shrinking import shrink
from tests.faults.soak import soak
from tests.faults.zombies import to_wrapper

POINT_BURST_S: Final = 3.0
SHRINK_TRIES_MAX: Final = 24


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


async def sit_in(stack: LocalStack, folder: Path, *, seed: str, seconds: float) -> None:
    """Let traffic flow, and tell how the processes grew."""
    for line in await soak(stack, folder, seed=seed, seconds=seconds):
        say(line)


async def shorten(stack: LocalStack, folder: Path, plan: Plan, wrapper: tuple[str, ...]) -> None:
    """Find a shorter plan that fails too; each try has an installation of its own."""
    tries = 0

    async def fails(smaller: Plan) -> bool:
        nonlocal tries
        tries += 1
        began_s = time.monotonic()
        said = "passes"
        try:
            await carry_out(stack, folder / f"try-{tries}", (smaller,), wrapper=wrapper)
        except* AssertionError as errors:
            said = f"fails: {errors.exceptions[0]}".partition("\n")[0]
        took_s = time.monotonic() - began_s
        size = f"{len(smaller.faults)} blows, {len(smaller.changes)} changes"
        say(f"try {tries}: {size}, {took_s:.0f} s: {said}")
        return said != "passes"

    if not await fails(plan):
        say("it passes this time: chance has a part in it; try again")
        return
    shortest = await shrink(plan, fails, tries_max=SHRINK_TRIES_MAX)
    said = [f"{fault.at_s:g} s {fault.blow} {fault.choice}" for fault in shortest.faults]
    say(f"the shortest that failed: {len(shortest.changes)} changes, then {said}")


def to_work(
    options: argparse.Namespace, seed: str, stack: LocalStack, folder: Path
) -> Coroutine[Any, Any, None]:
    """Return what the options ask for."""
    wrapper = to_wrapper(options.mutant) if options.mutant else ()
    plans = to_campaign(seed, minutes=options.minutes, documents=DOCUMENTS)
    seconds = 60.0 * options.minutes
    for is_wanted, work in (
        (options.memory, flood),
        (options.quota, change_owners),
        (options.backlog, pile_up),
    ):
        if is_wanted:
            return work(stack, folder)
    if options.pim:
        return misbehave(stack, folder, seconds=seconds)
    if options.soak:
        return sit_in(stack, folder, seed=seed, seconds=seconds)
    if options.shrink:
        return shorten(stack, folder, plans[options.shrink - 1], wrapper)
    if options.points:
        rounds = to_point_rounds(
            f"{seed}/points",
            POINTS,
            times=options.points,
            seconds=POINT_BURST_S,
            documents=DOCUMENTS,
        )
        return carry_out_points(stack, folder, rounds)
    return carry_out(stack, folder, plans, wrapper=wrapper)


def to_parser() -> argparse.ArgumentParser:
    """Return what knows the options."""
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10, help="how many rounds of about a minute")
    parser.add_argument("--seed", default=None, help="default: a new one, which is printed")
    parser.add_argument(
        "--points", type=int, default=0, help="kills at each labelled point instead"
    )
    parser.add_argument("--memory", action="store_true", help="the flood of 200,000 instead")
    parser.add_argument("--soak", action="store_true", help="even traffic for --minutes instead")
    parser.add_argument("--pim", action="store_true", help="a PIM that misbehaves instead")
    parser.add_argument("--quota", action="store_true", help="owners of the quota killed instead")
    parser.add_argument("--backlog", action="store_true", help="300,000 keys that wait instead")
    parser.add_argument("--shrink", type=int, default=0, help="make this round shorter; it fails")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="with this bug in the workers")
    parser.add_argument("--plan", action="store_true", help="print the plan only")
    return parser


def main() -> None:
    """Parse the options and carry out the campaign."""
    options = to_parser().parse_args()
    seed = options.seed or secrets.token_hex(4)
    say(f"seed {seed}")
    if options.plan:
        for each in to_campaign(seed, minutes=options.minutes, documents=DOCUMENTS):
            say(repr(each))
        return
    with tempfile.TemporaryDirectory(prefix="quindex-faults-") as folder, LocalStack() as stack:
        try:
            asyncio.run(to_work(options, seed, stack, Path(folder)))
        except BaseException:
            kept = f"{folder}-kept"
            os.rename(folder, kept)  # noqa: PTH104  # the logs say what happened
            Path(folder).mkdir()
            say(f"failed with seed {seed}; the logs are in {kept}")
            raise
    say(f"every promise was kept (seed {seed})")


if __name__ == "__main__":
    main()
