"""
Runs one command and kills it as soon as the parent is gone, however the parent ended.

    python -I guard.py PARENT LOCK MARK WIPE COMMAND...

PARENT is the process id to watch; with 0 the command is left on its own as soon as a byte comes on
standard input, and killed if none does: then nobody has noted whom to stop. LOCK is a file
descriptor that the command inherits, MARK a file to remove once the command has ended, WIPE a
folder to remove if the parent did not live to do so ("" for none, of either). The first line on
standard output is the command's process id; the command itself writes to standard error.

This is a file of its own, imports nothing of ours, and is started in a session of its own, so
that Ctrl-C in a terminal reaches neither it nor the command.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

CHECK_EVERY_S = 0.2
PR_SET_PDEATHSIG = 1


def die_with_guard(guard: int) -> None:
    """In the child: ask Linux for a SIGKILL when the guard itself is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:  # it was killed before that was asked for
        os.kill(os.getpid(), signal.SIGKILL)


def kill_without(parent: int, child: subprocess.Popen[bytes]) -> None:
    # A process whose parent dies gets another one. A pipe would say the same, but its other end
    # may live on in whatever the parent had forked.
    while os.getppid() == parent:
        time.sleep(CHECK_EVERY_S)
    child.kill()


def main(arguments: list[str]) -> int:
    parent, lock, mark, wipe, *command = arguments
    watched = int(parent)
    child = subprocess.Popen(  # noqa: S603  # the caller's own command
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        pass_fds=[int(lock)],
        preexec_fn=partial(die_with_guard, os.getpid()) if watched else None,  # noqa: PLW1509  # no thread runs yet
    )
    if watched:
        threading.Thread(target=kill_without, args=(watched, child), daemon=True).start()
    with suppress(BrokenPipeError):  # the parent is gone already
        os.write(sys.stdout.fileno(), f"{child.pid}\n".encode())
    if not watched:
        if not os.read(sys.stdin.fileno(), 1):
            child.kill()
            child.wait()
        return 0
    code = child.wait()
    if mark:
        Path(mark).unlink(missing_ok=True)  # still under the lock
    if wipe and os.getppid() != watched:
        shutil.rmtree(wipe, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
