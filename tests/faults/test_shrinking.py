"""A failing plan becomes one in which every blow is needed."""

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.plan import Blow, Fault, Plan, to_plan
from tests.faults.shrinking import shrink

QUICKLY = settings(deadline=None, max_examples=50)
PLAN = to_plan("seed", seconds=40, documents=10, blows=dict.fromkeys(Blow, 2), together=3)


def shrink_by(needed: set[Fault], changes: int, *, tries_max: int = 10_000) -> tuple[Plan, int]:
    """Shrink PLAN, which fails with these blows and at least so many changes."""
    tried: Counter[Plan] = Counter()

    async def fails(plan: Plan) -> bool:
        tried[plan] += 1
        return needed <= set(plan.faults) and len(plan.changes) >= changes

    return asyncio.run(shrink(PLAN, fails, tries_max=tries_max)), tried.total()


@QUICKLY
@given(st.sets(st.sampled_from(PLAN.faults), max_size=4), st.integers(min_value=0, max_value=100))
def test_only_the_blows_that_are_needed_stay_in_their_order(
    needed: set[Fault], changes: int
) -> None:
    found, _ = shrink_by(needed, changes)

    assert found.faults == tuple(each for each in PLAN.faults if each in needed)
    assert found.changes == PLAN.changes[: len(found.changes)]
    assert max(1, changes) <= len(found.changes) <= max(1, 2 * changes)


def test_it_stops_after_so_many_tries_with_the_shortest_plan_that_failed() -> None:
    found, tried = shrink_by({PLAN.faults[0]}, 0, tries_max=3)

    assert tried == 3
    assert PLAN.faults[0] in found.faults
    assert len(found.faults) < len(PLAN.faults)


def test_a_plan_that_fails_without_any_blow_loses_them_all() -> None:
    found, _ = shrink_by(set(), 0)

    assert found.faults == ()
