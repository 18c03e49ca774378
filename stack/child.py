"""A command of ours as a child process that dies with its parent, even if that one is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from runtime.errors import OperatorError
from stack.server import GUARD

STOP_WITHIN_S: Final = 35.0
ROOT: Final = Path(__file__).parents[1]
"""Where our packages lie."""

_POLL_S: Final = 0.05
_LOG_TAIL_LINES: Final = 30


def to_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return what a command of ours is to have of *environment*, in whatever folder it runs.

    That is neither settings, since it is given its own, nor proxies, since all that it calls is on
    this machine.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("QUINDEX_") and not name.lower().endswith("_proxy")
    }
    paths = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


class Child:
    """
    One command with its log; may be started again after it has ended.

    It runs in the folder of its log, so that a `.env` where this process runs is none of its own.
    If this process is killed, the command dies too, and then *wipe* is removed, if given.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        wipe: Path | None = None,
    ) -> None:
        self.name, self.log = name, log.absolute()
        self._wipe = wipe
        self._command, self._environment = list(command), dict(environment)
        self._guard: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def start(self, **more: str) -> None:
        """Start it; *more* is added to its environment this time."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            with self.log.open("ab") as log:
                self._guard = subprocess.Popen(  # noqa: S603  # our own command
                    [
                        *(sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(nothing)),
                        *("", str(self._wipe or ""), *self._command),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self.log.parent,
                    env={**self._environment, **more},
                    pass_fds=[nothing],
                    start_new_session=True,
                )
        finally:
            os.close(nothing)
        assert self._guard.stdout is not None
        with self._guard.stdout as told:
            self.pid = int(told.readline())

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def has_ended(self) -> bool:
        """Whether it has been started, and runs no more."""
        return self._guard is not None and self._guard.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.is_running:
            with suppress(ProcessLookupError):  # it has ended, and its guard not yet
                os.kill(self.pid, number)

    def wait(self, within_s: float) -> int:
        """
        Wait for its end and return its exit code; a signal's is 256 less its number.

        Raises:
            OperatorError: it still runs.
        """
        assert self._guard is not None
        try:
            return self._guard.wait(within_s)
        except subprocess.TimeoutExpired:
            raise OperatorError(
                f"{self.name} still runs after {within_s:g} s.\n{self.log_tail()}"
            ) from None

    def stop(self, within_s: float = STOP_WITHIN_S) -> int | None:
        """End it by SIGTERM, or by SIGKILL if that takes too long; return its exit code."""
        if not self.is_running:
            return None
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a paused process does not see SIGTERM
        try:
            return self.wait(within_s)
        except OperatorError:
            self.kill()
            raise

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        if self.is_running:
            self.signal(signal.SIGKILL)
            self.wait(STOP_WITHIN_S)

    def wait_for_log(self, text: str, within_s: float, *, since: int = 0) -> None:
        """
        Wait until *text* stands in the log, from byte *since* on.

        Raises:
            OperatorError: it ended, or did not say so in time; the message holds the log's tail.
        """
        deadline_s = time.monotonic() + within_s
        while text not in self._read(since):
            if not self.is_running:
                raise OperatorError(f"{self.name} ended.\n{self.log_tail()}")
            if time.monotonic() > deadline_s:
                raise OperatorError(
                    f"{self.name} did not say {text!r} within {within_s:g} s.\n{self.log_tail()}"
                )
            time.sleep(_POLL_S)

    def log_tail(self) -> str:
        """Return the end of the log, for an error."""
        lines = self._read(0).splitlines()
        return "\n".join([f"The end of {self.log}:", *lines[-_LOG_TAIL_LINES:]])

    def _read(self, since: int) -> str:
        try:
            return self.log.read_bytes()[since:].decode(errors="replace")
        except FileNotFoundError:
            return ""
