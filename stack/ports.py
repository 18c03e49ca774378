"""Ports on the loopback address."""

import errno
import random
import socket

from runtime.errors import OperatorError

HOST = "127.0.0.1"

FREE_PORTS = range(20_000, 30_000)
"""
Below those that systems give to outgoing connections: a client that keeps asking for a server
that is down could otherwise be given the server's own port, and be connected to itself.
"""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise OperatorError(
                f"Port {port} is kept for privileged processes: choose one from 1024 on."
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def _reserve(port: int) -> bool:
    """
    Return whether *port* is this process's from now on, whether or not anybody listens there yet.

    It is held by the UDP port of the same number, which none of the servers uses: it is free again
    once its process has ended, however it ends, and leaves no file behind.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        try:
            holder.bind((HOST, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        holder.detach()  # it stays open as long as the process
    return True


def free_port() -> int:
    """Return a port that nobody listens on, and that no process of ours will be given meanwhile."""
    for port in random.sample(FREE_PORTS, 1000):
        if _reserve(port) and is_free(port):
            return port
    raise OperatorError(f"No port between {FREE_PORTS.start} and {FREE_PORTS.stop} is free.")


def check_free(port: int, wanted_by: str) -> None:
    """
    Raises:
        OperatorError: *port* is another process's, or not for us.
    """
    if not is_free(port):
        raise OperatorError(
            f"{wanted_by} cannot listen on {HOST}:{port}: another process does. Stop that one, "
            f"or choose another port (--{wanted_by.lower()}-port, 0 for any free one)."
        )
