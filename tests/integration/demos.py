"""
A demo as a process of its own, and what is left of it once it has ended.

It runs as it would for a user who has settings in `.env`, and reaches the world by a proxy.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from stack.cache import Cache
from stack.ports import is_free
from tests.eventually import eventually
from tests.integration.commands import without_settings

INVITED = "Ctrl-C stops everything and leaves nothing behind."
SHOWN_WITHIN_S = 240
ENDED_WITHIN_S = 60
_LISTENING = "0A"
_PROXY = "http://127.0.0.1:9"  # nobody
_SETTINGS = """
QUINDEX_KAFKA=127.0.0.1:9
QUINDEX_KAFKA_SECURITY_PROTOCOL=SASL_SSL
QUINDEX_PIM_TOKEN_FILE=nowhere
QUINDEX_OPS_PORT=9
QUINDEX_LOG_LEVEL=error
"""


@dataclass
class Demo:
    """One that runs: all of its processes know its temporary folder, and so can be found."""

    process: subprocess.Popen[bytes]
    temporary: Path
    output: Path
    ports: set[int] = field(default_factory=set)

    @property
    def shown(self) -> str:
        """All that it has printed so far."""
        return self.output.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until it has printed *text*."""
        eventually(
            lambda: text in self.shown or self.process.poll() is not None, within_s=SHOWN_WITHIN_S
        )
        assert text in self.shown, self.shown

    def processes(self) -> list[int]:
        """Return the process ids of all that it has started, and its own."""
        return list(_processes_with(f"TMPDIR={self.temporary}"))

    def kill(self, command: str) -> None:
        """Kill one of its processes, a command of ours."""
        command_line = f"-m\0ops\0{command}\0".encode()
        for pid in self.processes():
            _, _, arguments = Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")
            if arguments.startswith(command_line):
                os.kill(pid, signal.SIGKILL)
                return
        raise AssertionError(f"no {command} runs")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal as a terminal does: to its whole group."""
        self.ports = {port for pid in self.processes() for port in _ports_of(pid)}
        os.killpg(self.process.pid, number)

    def wait(self) -> int:
        """Return its exit code."""
        return self.process.wait(ENDED_WITHIN_S)

    def assert_nothing_is_left(self) -> None:
        """No process, no port, no file in its temporary folder, hence no lock."""
        eventually(lambda: not self.processes(), within_s=ENDED_WITHIN_S)
        eventually(lambda: not any(self.temporary.iterdir()), within_s=ENDED_WITHIN_S)
        assert all(is_free(port) for port in self.ports)


@contextmanager
def open_demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    """Start a demo, and kill it in the end if it still runs."""
    temporary, output = folder / "temporary", folder / "output"
    temporary.mkdir(parents=True)
    (folder / ".env").write_text(_SETTINGS)
    cache = Cache()  # filled before, since nothing can be fetched by that proxy
    cache.elasticsearch_home()
    cache.jars("kafka")
    with output.open("wb") as shown:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "ops", "demo", *arguments],
            env={**without_settings(), "TMPDIR": str(temporary), "http_proxy": _PROXY},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=shown,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Demo(process, temporary, output)
    finally:
        process.kill()
        process.wait()


def _processes_with(variable: str) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended meanwhile, or belongs to someone else
            if variable.encode() in path.read_bytes().split(b"\0"):
                yield int(path.parent.name)


def _ports_of(pid: int) -> Iterator[int]:
    """Return the ports on which a process listens."""
    with suppress(OSError):
        sockets = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                _, address, _, state, *_, inode = line.split()[:10]
                if state == _LISTENING and f"socket:[{inode}]" in sockets:
                    yield int(address.rpartition(":")[2], 16)
