import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import OperatorError, Unreachable
from stack.ports import is_free
from stack.server import Status
from tests.eventually import eventually
from tests.stack.toy import BROKEN, STUBBORN, Toy, is_alive


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    toy = Toy(tmp_path / "toy")
    yield toy
    toy.kill()


def started(toy: Toy) -> int:
    toy.start()
    toy.wait_ready(10)
    claim = toy.running()
    assert claim is not None
    return claim.pid


def test_a_server_comes_back_on_its_port(toy: Toy) -> None:
    first = started(toy)
    port = toy.port
    toy.stop()

    assert is_free(port)
    assert started(toy) != first
    assert toy.port == port


def test_a_paused_server_does_not_answer_until_it_is_resumed(toy: Toy) -> None:
    started(toy)
    toy.pause()

    assert not toy.answers()
    assert toy.running() is not None
    toy.resume()
    eventually(toy.answers, within_s=5)


def test_a_paused_server_can_be_stopped(toy: Toy) -> None:
    pid = started(toy)
    toy.pause()
    toy.stop()

    assert not is_alive(pid)


def test_a_server_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    toy = Toy(tmp_path, code=STUBBORN)
    toy.stop_within_s = 0.5
    pid = started(toy)
    toy.stop()

    assert not is_alive(pid)


def test_a_stopped_server_leaves_its_log_and_no_claim(toy: Toy) -> None:
    started(toy)
    toy.stop()

    assert {path.name for path in toy.folder.iterdir()} == {"server.log"}
    assert toy.log.read_text() == "listening\n"
    assert toy.status() == Status()


def test_a_server_does_not_start_twice(toy: Toy) -> None:
    started(toy)

    with pytest.raises(OperatorError, match="already runs"):
        Toy(toy.folder).start()


def test_another_object_on_the_folder_can_stop_it(toy: Toy) -> None:
    pid = started(toy)
    other = Toy(toy.folder)

    assert other.status() == Status(pid=pid, address=toy.address, answers=True)
    other.stop()
    assert toy.running() is None


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    toy = Toy(tmp_path, code=BROKEN)
    toy.start()

    with pytest.raises(Unreachable, match=r"(?s)Toy ended .*no such luck"):
        toy.wait_ready(10)
    toy.stop()


def test_a_server_that_does_not_answer_is_an_error_with_its_log(toy: Toy) -> None:
    started(toy)
    toy.pause()

    with pytest.raises(Unreachable, match=r"(?s)did not answer .* within 0.1 s.*listening"):
        toy.wait_ready(0.1)


PARENT = """
import os, sys, time
from pathlib import Path
from tests.stack.toy import Toy

toy = Toy(Path(sys.argv[1]))
toy.start(detached="detached" in sys.argv)
toy.wait_ready(10)
if "fork" in sys.argv and os.fork() == 0:
    time.sleep(600)  # whatever this child has inherited stays open
try:
    print(toy.running().pid, toy.port, flush=True)
    time.sleep(0 if "leave" in sys.argv else 600)
except KeyboardInterrupt:
    print(toy.answers(), flush=True)
    toy.stop()
"""


def parent_of_a_toy(folder: Path, *how: str) -> tuple[subprocess.Popen[str], int, int]:
    """A process group of its own that has started a toy; the toy's process id and port."""
    parent = subprocess.Popen(  # noqa: S603  # our own code
        [sys.executable, "-c", PARENT, str(folder), *how],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    pid, port = parent.stdout.readline().split()
    return parent, int(pid), int(port)


@pytest.mark.parametrize("how", [(), ("fork",)])
def test_a_server_dies_with_a_parent_that_is_killed(tmp_path: Path, how: tuple[str, ...]) -> None:
    parent, pid, port = parent_of_a_toy(tmp_path, *how)
    parent.kill()
    parent.wait()
    try:
        eventually(lambda: not is_alive(pid), within_s=5)
        eventually(lambda: not (tmp_path / "process.json").exists(), within_s=5)

        assert is_free(port)
    finally:
        if how:
            os.killpg(parent.pid, signal.SIGKILL)  # the forked child
        if parent.stdout:
            parent.stdout.close()


def test_ctrl_c_reaches_the_parent_only(tmp_path: Path) -> None:
    parent, pid, _ = parent_of_a_toy(tmp_path)
    os.killpg(parent.pid, signal.SIGINT)
    told, _ = parent.communicate(timeout=10)

    assert told == "True\n"
    assert not is_alive(pid)


def test_a_detached_server_outlives_its_parent(tmp_path: Path) -> None:
    parent, pid, _ = parent_of_a_toy(tmp_path, "detached", "leave")
    parent.communicate(timeout=10)
    toy = Toy(tmp_path)

    assert toy.status() == Status(pid=pid, address=toy.address, answers=True)
    toy.stop()
    assert toy.running() is None
    assert is_free(toy.port)
