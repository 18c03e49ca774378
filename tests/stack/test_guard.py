"""A command whose guard is killed while it begins."""

import os
import signal
import subprocess
from functools import partial

import pytest

from stack.guard import die_with_guard

NOBODY = 1 << 30  # beyond every process id


@pytest.mark.parametrize(
    ("guard", "code"), [(NOBODY, -signal.SIGKILL), (os.getpid(), 0)], ids=["gone", "there"]
)
def test_a_command_does_not_begin_without_its_guard(guard: int, code: int) -> None:
    command = subprocess.Popen(["/bin/true"], preexec_fn=partial(die_with_guard, guard))  # noqa: PLW1509  # as the guard does

    assert command.wait(60) == code
