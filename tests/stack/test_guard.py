"""A command while it begins: its guard may be killed, or whoever started both."""

import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from stack.guard import die_with_guard
from stack.server import GUARD
from tests.eventually import eventually
from tests.stack.toy import is_alive

NOBODY = 1 << 30  # beyond every process id


@pytest.mark.parametrize(
    ("guard", "code"), [(NOBODY, -signal.SIGKILL), (os.getpid(), 0)], ids=["gone", "there"]
)
def test_a_command_does_not_begin_without_its_guard(guard: int, code: int) -> None:
    command = subprocess.Popen(["/bin/true"], preexec_fn=partial(die_with_guard, guard))  # noqa: PLW1509  # as the guard does

    assert command.wait(60) == code


@pytest.mark.parametrize("noted", [b"", b"\n"], ids=["unnoted", "noted"])
def test_a_command_is_left_on_its_own_only_if_somebody_has_noted_it(noted: bytes) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    with subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-I", "-S", GUARD, "0", str(nothing), "", "", "sleep", "600"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[nothing],
    ) as guard:
        os.close(nothing)
        assert guard.stdin is not None
        assert guard.stdout is not None
        pid = int(guard.stdout.readline())
        guard.stdin.write(noted)
        guard.stdin.close()
        guard.wait(10)
    try:
        assert is_alive(pid) == bool(noted)
    finally:
        if noted:
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: not is_alive(pid), within_s=10)
