"""Listening sockets, bound before anything else starts so that a taken port is a clear error."""

import resource
import socket
from contextlib import suppress
from typing import Final

from runtime.errors import OperatorError

BACKLOG: Final = 2_048
_DESCRIPTORS: Final = 65_536


class PortUnavailable(OperatorError):
    """An address cannot be listened on."""


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """
    Return a listening socket; port 0 means any free one. *setting* names what chose the address.

    Raises:
        PortUnavailable: somebody else has it, or it is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        server = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _to_error(host, port, setting, error) from error
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen(BACKLOG)
        server.setblocking(False)
    except OSError as error:
        server.close()
        raise _to_error(host, port, setting, error) from error
    return server


def to_address(server: socket.socket) -> str:
    """Return host:port as it was bound."""
    host, port = server.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def raise_descriptor_limit() -> None:
    """Allow as many open sockets as this process may have: connections have a cap of their own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _to_error(host: str, port: int, setting: str, error: OSError) -> PortUnavailable:
    return PortUnavailable(
        f"Cannot listen on {host}:{port}: {error.strerror or error}.\n"
        f"The address comes from {setting}_HOST and {setting}_PORT.\n"
        "Stop what listens there, or set another port."
    )
