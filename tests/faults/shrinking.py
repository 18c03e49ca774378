"""Makes a plan that fails shorter: blows that it fails without are left out, then late changes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from typing import Final

from tests.faults.plan import Fault, Plan

_PARTS_FIRST: Final = 2

Fails = Callable[[Plan], Awaitable[bool]]
"""Carries a plan out."""


async def shrink(plan: Plan, fails: Fails, *, tries_max: int) -> Plan:
    """
    Return the shortest plan found that still fails; *plan* does.

    Blows first, by delta debugging (Zeller and Hildebrandt, 2002), then the changes after a moment.
    """
    tries = _Tries(fails, tries_max)
    parts = _PARTS_FIRST
    while plan.faults and tries.left:
        smaller = await _first_failing(tries, _without_a_part(plan, parts))
        if smaller is not None:
            plan, parts = smaller, max(_PARTS_FIRST, parts - 1)
        elif parts >= len(plan.faults):
            break
        else:
            parts = min(len(plan.faults), 2 * parts)
    while len(plan.changes) > 1 and tries.left:
        smaller = replace(plan, changes=plan.changes[: len(plan.changes) // 2])
        if not await tries.fails(smaller):
            break
        plan = smaller
    return plan


class _Tries:
    def __init__(self, fails: Fails, left: int) -> None:
        self._fails, self.left = fails, left

    async def fails(self, plan: Plan) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        return await self._fails(plan)


async def _first_failing(tries: _Tries, plans: list[Plan]) -> Plan | None:
    for plan in plans:
        if await tries.fails(plan):
            return plan
    return None


def _without_a_part(plan: Plan, parts: int) -> list[Plan]:
    """Return the plan without each of so many parts of its blows."""
    faults, parts = plan.faults, min(parts, len(plan.faults))
    bounds = [len(faults) * number // parts for number in range(parts + 1)]
    kept: list[tuple[Fault, ...]] = [
        faults[:first] + faults[last:] for first, last in pairwise(bounds)
    ]
    return [replace(plan, faults=each) for each in kept]
