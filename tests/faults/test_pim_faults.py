"""The PIM misbehaves for a while, in many ways; afterwards everything is as if it had not."""

import pytest

from tests.faults.lab import Lab
from tests.faults.pim_faults import GROUPS, Group, suffer

pytestmark = [pytest.mark.stack, pytest.mark.faults]

SECONDS = 10.0


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
async def test_a_pim_that_misbehaves_costs_nothing_but_time(lab: Lab, group: Group) -> None:
    async with lab.open_run(f"pim-{group.name}", **group.to_options()) as run:
        for line in await suffer(run, group, seconds=SECONDS):
            lab.say(line)
