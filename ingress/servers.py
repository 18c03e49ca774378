"""HTTP servers that say nothing about themselves, and leave the signals to the process."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from ingress.protocol import Limits

GRACE_S: Final = 5
"""How long calls that are under way get to be answered when the process ends."""
KEEP_ALIVE_S: Final = 75
"""How long a connection stays open between calls; a proxy in front must let go earlier, as nginx
does after 60 s. Whoever is refused is not kept: only a caller who knows a secret gets here."""


class Server(uvicorn.Server):
    """A server that does not take the signals: its process has more to end than a server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def to_server(app: ASGIApp, limits: Limits) -> Server:
    """Return a server that keeps to the limits."""
    return Server(
        to_config(
            app,
            http=limits.to_protocol(),
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
    )


def to_config(app: ASGIApp, **limits: Any) -> uvicorn.Config:
    """Return what a server is made of that names neither itself nor its callers."""
    return uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        **limits,
    )
