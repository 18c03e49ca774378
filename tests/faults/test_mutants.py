"""Planted bugs are caught, and what catches them says nothing of a healthy worker."""

import pytest

from tests.faults.defects import DOCUMENTS, SCENARIOS, NotProvoked, preparing
from tests.faults.lab import Lab
from tests.faults.mutants import MUTANTS
from tests.faults.runs import announce_all
from tests.faults.selection import CHOSEN

pytestmark = [pytest.mark.stack, pytest.mark.faults]


async def play(lab: Lab, name: str, *mutants: str) -> None:
    scenario = SCENARIOS[name]
    patches = (*mutants, *scenario.patches)
    async with lab.open_run(
        f"{name}-{'mutant' if mutants else 'healthy'}",
        workers=scenario.workers,
        documents=DOCUMENTS,
        wrapper=("tests.faults.mutant", ",".join(patches)) if patches else (),
        more={**scenario.settings, "QUINDEX_KINDS": "document"},
        may_exit=range(256),
        may_vanish=True,
        announced=False,
    ) as run:
        with preparing():
            await announce_all(run.installation)
        await scenario.play(run)


@pytest.mark.parametrize("name", CHOSEN)
async def test_a_planted_bug_is_caught(lab: Lab, name: str) -> None:
    with pytest.raises(AssertionError) as caught:
        await play(lab, name, name)
    lab.say(f"{name}: caught, {str(caught.value)[:150]}")


@pytest.mark.parametrize("name", CHOSEN)
async def test_a_healthy_worker_passes_the_check(lab: Lab, name: str) -> None:
    await play(lab, name)


def test_what_fails_before_a_bug_can_show_is_no_catch() -> None:
    with pytest.raises(NotProvoked, match="no worker died"), preparing():
        raise AssertionError("no worker died")


def test_every_planted_bug_has_its_check() -> None:
    assert sorted(MUTANTS) == sorted(SCENARIOS)
