"""Points at which a test makes a process die."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from runtime.points import POINTS, VARIABLE, arm, reach

SCRIPT = """
import os
from runtime.points import arm, reach
arm(os.environ)
for number in range(5):
    print(number, flush=True)
    reach("due.before")
    reach("due.after")
"""


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    arm({})


def run(wanted: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-c", SCRIPT],
        env={VARIABLE: wanted},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_process_is_killed_the_third_time_that_it_gets_there() -> None:
    ended = run("due.after:3")

    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == ["0", "1", "2"]


def test_without_a_number_it_is_killed_the_first_time() -> None:
    ended = run("due.before")

    assert (ended.returncode, ended.stdout.split()) == (-signal.SIGKILL, ["0"])


def test_unarmed_points_cost_nothing_and_kill_nobody() -> None:
    arm({})

    for point in POINTS:
        reach(point)


def test_another_point_than_the_armed_one_kills_nobody() -> None:
    arm({VARIABLE: "due.after:2"})

    reach("due.before")
    reach("due.after")  # once of two


@pytest.mark.parametrize("wanted", ["nowhere", "nowhere:2", "due.after:soon"])
def test_a_point_that_does_not_exist_is_a_mistake(wanted: str) -> None:
    with pytest.raises(ValueError, match=VARIABLE):
        arm({VARIABLE: wanted})
