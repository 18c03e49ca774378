"""A server that is a few lines of Python: quick to start, as real a process as any."""

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from stack.cache import Cache
from stack.ports import HOST
from stack.server import Server

LISTEN = f"""
import signal, socket, sys, time
server = socket.create_server(("{HOST}", int(sys.argv[1])))
print("listening", flush=True)
while True:
    server.accept()[0].close()
"""
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{LISTEN}"
BROKEN = "raise SystemExit('no such luck')"


class Toy(Server):
    name = "Toy"

    def __init__(self, folder: Path, *, code: str = LISTEN, port: int = 0) -> None:
        super().__init__(folder, cache=Cache(folder / "cache"), port=port)
        self._code = code

    def answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=0.3) as connection:
                connection.settimeout(0.3)
                return connection.recv(1) == b""
        except OSError:
            return False

    def _prepare(self) -> Sequence[str]:
        return [sys.executable, "-I", "-c", self._code, str(self.port)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
