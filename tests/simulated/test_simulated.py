"""Simulated hours with everything going wrong, and the promises kept; planted bugs are caught."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from faust.types import TP

from tests.faults.mutants import MUTANTS
from tests.simulated.log import Log
from tests.simulated.simulation import simulate_all
from tests.virtual_time import run_virtually

PROCESSES: Final = os.cpu_count() or 1
SEEDS: Final = range(1, 201)
MUTANT_SEEDS: Final = range(1, 501)
HOURS: Final = 6.0
READERS: Final = 100


def test_the_same_seed_is_the_same_run() -> None:
    first, second, other = simulate_all([7, 7, 8], hours=1.0, processes=PROCESSES)

    assert first == second
    assert first.counts != other.counts
    assert first.trace != other.trace


def test_the_same_seed_is_the_same_run_whatever_the_order_of_sets() -> None:
    runs = [
        subprocess.run(  # our own command
            [sys.executable, "-m", "tests.simulated", "--seed", "7", "--hours", "1"],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    ]

    assert runs[0] == runs[1]
    assert "trace" in runs[0]


def test_those_who_wait_for_a_record_are_woken_in_the_order_in_which_they_came() -> None:
    woken: list[int] = []

    async def wake_all() -> None:
        log = Log(asyncio.get_running_loop().time)
        log.create("topic", 1)

        async def read(number: int) -> None:
            await log.wait({TP("topic", 0): 0})
            woken.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(READERS):
                group.create_task(read(number))
            await asyncio.sleep(1)
            log.store("topic", None, None, {})

    run_virtually(wake_all(), has_io=False)

    assert woken == list(range(READERS))


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
