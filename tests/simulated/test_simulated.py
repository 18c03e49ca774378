"""Simulated hours with everything going wrong, and the promises kept; planted bugs are caught."""

import os
from typing import Final

import pytest

from tests.faults.mutants import MUTANTS
from tests.simulated.simulation import simulate_all

PROCESSES: Final = os.cpu_count() or 1
SEEDS: Final = range(1, 201)
MUTANT_SEEDS: Final = range(1, 501)
HOURS: Final = 6.0


def test_the_same_seed_is_the_same_run() -> None:
    first, second, other = simulate_all([7, 7, 8], hours=1.0, processes=PROCESSES)

    assert first == second
    assert first.counts != other.counts


def test_an_hour_of_trouble_breaks_no_promise() -> None:
    verdicts = list(simulate_all(range(1, 5), hours=1.0, processes=PROCESSES))

    assert [verdict.broken for verdict in verdicts] == [()] * 4
    assert all(verdict.counts["snapshots"] for verdict in verdicts)


@pytest.mark.faults
def test_many_hours_of_trouble_break_no_promise() -> None:
    verdicts = list(simulate_all(SEEDS, hours=HOURS, processes=PROCESSES))

    assert [verdict.seed for verdict in verdicts] == list(SEEDS)
    assert {verdict.seed: verdict.broken for verdict in verdicts if verdict.broken} == {}


@pytest.mark.faults
@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(name: str) -> None:
    verdicts = simulate_all(MUTANT_SEEDS, hours=HOURS, processes=PROCESSES, mutant=name)

    assert any(verdict.broken for verdict in verdicts)
