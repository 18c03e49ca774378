"""quindex demo: shows everything, and leaves nothing behind, however it ends."""

import signal
from pathlib import Path

import pytest

from ops.demo_steps import STEPS
from tests.eventually import eventually
from tests.integration.demos import INVITED, SHOWN_WITHIN_S, open_demo

pytestmark = pytest.mark.stack

INTERRUPTED = 130
RUNNING = ["--documents", "20"]
PROCESSES_MIN = 13  # itself; 2 servers, simulator, ingress and 2 workers, each with its guard


def test_once_it_shows_every_step_while_another_one_runs(tmp_path: Path) -> None:
    with (
        open_demo(tmp_path / "once", "--once", "--documents", "60") as once,
        open_demo(tmp_path / "other", *RUNNING) as other,
    ):
        other.wait_for(INVITED)
        once.wait_for("All shown in")

        assert len(other.processes()) >= PROCESSES_MIN
        other.signal(signal.SIGINT)
        assert once.wait() == 0
        assert other.wait() == 0
        once.assert_nothing_is_left()
        other.assert_nothing_is_left()
    lines = [line for line in once.shown.splitlines() if line.startswith("ok ")]
    assert len(lines) == len(STEPS) + 2
    for step, line in zip(STEPS, lines[2:], strict=True):
        assert step.__name__.replace("_", " ") in line
    assert lines[-1].partition("compared: ")[2].startswith("missing 0, stale 0, extra 0")


@pytest.mark.faults
def test_a_signal_ends_it_in_the_middle_of_the_steps_and_a_kill_at_any_time(
    tmp_path: Path,
) -> None:
    with (
        open_demo(tmp_path / "stopped", *RUNNING) as stopped,
        open_demo(tmp_path / "killed", *RUNNING) as killed,
    ):
        stopped.wait_for("ok  load catalog")
        stopped.signal(signal.SIGTERM)
        assert stopped.wait() == INTERRUPTED
        stopped.assert_nothing_is_left()
        assert INVITED not in stopped.shown

        killed.wait_for(INVITED)
        killed.kill("ingress")
        killed.wait_for("ingress ended.")
        assert killed.process.poll() is None
        killed.signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        assert len(killed.ports) >= 6
        killed.assert_nothing_is_left()


def test_it_fails_with_the_reason_when_a_process_ends_in_the_middle_of_the_steps(
    tmp_path: Path,
) -> None:
    with open_demo(tmp_path / "demo", *RUNNING) as demo:
        demo.wait_for("ok  up")
        demo.kill("simulator")

        assert demo.wait() == 1
        demo.assert_nothing_is_left()
    assert "The demo failed: simulator ended.\nThe end of " in demo.shown
    assert "Traceback" not in demo.shown


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, INTERRUPTED),
        (signal.SIGTERM, INTERRUPTED),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_it_ends_while_its_servers_start(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with open_demo(tmp_path / "demo", *RUNNING) as demo:
        eventually(lambda: any(demo.temporary.rglob("process.json")), within_s=SHOWN_WITHIN_S)
        demo.signal(number)

        assert demo.wait() == code
        demo.assert_nothing_is_left()
    assert "Traceback" not in demo.shown
