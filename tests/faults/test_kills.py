"""Workers that die: at each labelled point, and at random moments, in the middle of a burst."""

import pytest

from runtime.points import POINTS
from tests.faults.fleet import EXIT_KILLED
from tests.faults.lab import Lab
from tests.faults.plan import Blow, to_plan, to_point_rounds

pytestmark = [pytest.mark.stack, pytest.mark.faults]

SEED = "ci"
GROUPS = 3
BURST_S = 3.0


@pytest.mark.parametrize("group", range(GROUPS))
async def test_a_worker_killed_at_each_point_loses_nothing(lab: Lab, group: int) -> None:
    rounds = to_point_rounds(
        f"{SEED}/{group}", POINTS[group::GROUPS], times=1, seconds=BURST_S, documents=40
    )
    async with lab.open_run(f"points-{group}") as run:
        for round_ in rounds:
            killed = run.fleet.count_exits(EXIT_KILLED)
            await run.execute_point(round_)
            verdict = await run.judge()
            lab.say(f"{round_.point}:{round_.nth}: {verdict}")

            verdict.assert_kept()
            assert run.fleet.count_exits(EXIT_KILLED) > killed
        assert verdict.evidence.duplicates > 0
        assert verdict.evidence.reorderings > 0
        assert run.fleet.count_logged("partitions.assigned") > len(rounds)


async def test_ten_random_kills_lose_nothing(lab: Lab) -> None:
    plan = to_plan(f"{SEED}/kills", seconds=75, documents=40, blows={Blow.KILL: 10}, per_second=6)
    async with lab.open_run("kills", workers=3) as run:
        await run.execute(plan)
        verdict = await run.judge()
        lab.say(f"10 kills: {verdict}")

        verdict.assert_kept()
        assert run.fleet.count_exits(EXIT_KILLED) == plan.count(Blow.KILL)
        assert verdict.evidence.repeats > 0
        assert verdict.evidence.duplicates > 0
        assert verdict.evidence.reorderings > 0


async def test_joins_and_leaves_lose_nothing(lab: Lab) -> None:
    plan = to_plan(
        f"{SEED}/moves",
        seconds=30,
        documents=40,
        blows={Blow.JOIN: 4, Blow.LEAVE: 4},
        per_second=6,
    )
    async with lab.open_run("moves") as run:
        await run.execute(plan)
        verdict = await run.judge()
        lab.say(f"4 joins, 4 leaves: {verdict}")

        verdict.assert_kept()
        assert run.fleet.count_exits(0) >= plan.count(Blow.LEAVE)
        assert run.fleet.count_exits(EXIT_KILLED) == 0
        assert run.fleet.count_logged("partitions.assigned") > 8
