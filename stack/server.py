"""One Java server as a child process: its folder, its port, its signals, its log."""

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from runtime.errors import OperatorError, Unreachable
from stack.cache import Cache
from stack.claim import Claim, drop_claim, read_claim, take_claim, write_claim
from stack.ports import HOST, check_free, free_port

KILL_WITHIN_S = 10.0
POLL_S = 0.1
LOG_TAIL_LINES = 40

GUARD = Path(__file__).parent / "guard.py"

PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")
"""The rest of the environment may hold JAVA_TOOL_OPTIONS and the like."""


@dataclass(frozen=True, slots=True)
class Status:
    """Without a process there is neither an address nor an answer."""

    pid: int | None = None
    address: str | None = None
    answers: bool = False

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


class Server(ABC):
    """
    A server on *folder*, which keeps its data and port over stop and start.

    Unless started detached, it dies with this process, even if this one is killed; then *wipe*
    is removed, if given. Any object on the same folder can stop what another one started.
    """

    name: ClassVar[str]
    stop_within_s: float = 20.0

    def __init__(
        self, folder: Path, *, cache: Cache, port: int = 0, wipe: Path | None = None
    ) -> None:
        self.folder = folder.absolute()
        self._cache, self._wipe = cache, wipe
        self._claim_path = self.folder / "process.json"
        self._guard: subprocess.Popen[bytes] | None = None
        claim = self.running()
        self.port = claim.port if claim else port  # 0: to be chosen at the first start

    @property
    def address(self) -> str:
        """As the settings want it."""
        return f"{HOST}:{self.port}"

    @property
    def data_folder(self) -> Path:
        """To be copied or replaced only while the server is stopped."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Of the present start; that of the one before lies beside it, with the suffix .1."""
        return self.folder / "server.log"

    def running(self) -> Claim | None:
        """Return the process that runs on this folder, whoever started it."""
        return read_claim(self._claim_path)

    def status(self) -> Status:
        """Look at the process and ask it; takes a few seconds if it does not answer."""
        claim = self.running()
        if claim is None:
            return Status()
        return Status(pid=claim.pid, address=self.address, answers=self.answers())

    @abstractmethod
    def answers(self) -> bool:
        """Ask the server for something real; takes a few seconds at most."""

    @abstractmethod
    def _prepare(self) -> Sequence[str]:
        """Write the configuration and return the command. The port is chosen."""

    def check_port(self) -> None:
        """
        Raises:
            OperatorError: it does not run, and cannot, since another process has its port.
        """
        if self.port and self.running() is None:
            check_free(self.port, self.name)

    def start(self, *, detached: bool = False) -> None:
        """
        Start the process; wait_ready() waits for its answers.

        Raises:
            OperatorError: it runs already, the port is taken, or the extra is not installed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = take_claim(self._claim_path)
        if lock is None:
            raise OperatorError(f"{self.name} already runs on {self.folder}: stop it first.")
        try:
            self.port = self.port or free_port()
            check_free(self.port, self.name)
            pid = self._spawn(self._prepare(), lock, detached=detached)
            write_claim(lock, Claim(pid=pid, port=self.port))
            if detached:
                self._let_go()
        except BaseException:
            self._abandon()  # interrupted before the claim named what runs
            self._claim_path.unlink(missing_ok=True)
            raise
        finally:
            os.close(lock)

    def wait_ready(self, within_s: float) -> None:
        """
        Raises:
            Unreachable: it ended, or did not answer in time; the message holds the log's tail.
        """
        deadline_s = time.monotonic() + within_s
        while not self.answers():
            if self.running() is None:
                raise Unreachable(f"{self.name} ended while it started.\n{self.log_tail()}")
            if time.monotonic() > deadline_s:
                raise Unreachable(
                    f"{self.name} did not answer on {self.address} within {within_s:g} s.\n"
                    f"{self.log_tail()}"
                )
            time.sleep(POLL_S)

    def stop(self) -> None:
        """End the process in order, or by force if that takes too long. Keeps the data."""
        if self._signal(signal.SIGTERM):
            self._signal(signal.SIGCONT)  # a paused process does not see SIGTERM
            if not self._ended(self.stop_within_s):
                self.kill()
        self._forget()

    def kill(self) -> None:
        """End the process by SIGKILL, as a crash would."""
        if self._signal(signal.SIGKILL) and not self._ended(KILL_WITHIN_S):
            raise OperatorError(f"{self.name} survived SIGKILL for {KILL_WITHIN_S:g} s.")
        self._forget()

    def pause(self) -> None:
        """Freeze the process: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def log_tail(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        return "\n".join([f"The end of {self.log}:", *lines[-LOG_TAIL_LINES:]])

    def _spawn(self, command: Sequence[str], lock: int, *, detached: bool) -> int:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        parent = 0 if detached else os.getpid()
        guard = [sys.executable, "-I", "-S", str(GUARD), str(parent), str(lock)]
        marks = [str(self._claim_path), str(self._wipe or "")]
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603  # our own command
                [*guard, *marks, *command],
                stdin=subprocess.PIPE if detached else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                pass_fds=[lock],
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as told:
            pid = told.readline()
        if not pid:
            raise Unreachable(f"{self.name} cannot be started.\n{self.log_tail()}")
        return int(pid)

    def _let_go(self) -> None:
        """Tell the guard that the process is noted, so that it is left on its own."""
        assert self._guard is not None
        assert self._guard.stdin is not None
        with self._guard.stdin as noted:
            noted.write(b"\n")
        self._guard.wait()
        self._guard = None

    def _abandon(self) -> None:
        """End what was spawned, if anything."""
        if self._guard is None:
            return
        if self._guard.stdin is None:
            self._guard.kill()  # the process dies with it
        elif not self._guard.stdin.closed:
            self._guard.stdin.close()  # it kills the process
        self._guard.wait()
        self._guard = None

    def _signal(self, number: signal.Signals) -> bool:
        claim = self.running()
        if claim is None:
            return False
        try:
            os.kill(claim.pid, number)
        except ProcessLookupError:
            return False
        return True

    def _ended(self, within_s: float) -> bool:
        deadline_s = time.monotonic() + within_s
        while self.running() is not None:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(POLL_S)
        return True

    def _forget(self) -> None:
        if self._guard is not None:
            self._guard.wait()
            self._guard = None
        drop_claim(self._claim_path)
