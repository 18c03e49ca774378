"""The operations port of a worker: is it alive, has it started, what does it count."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ingress.operations import create_operations_app
from ingress.protocol import Limits
from ingress.servers import to_server
from ingress.sockets import listen, to_address
from runtime.logs import get_logger
from runtime.settings import Settings

log = get_logger(__name__)


def open_operations_port(
    settings: Settings, is_ready: Callable[[], bool], scraped: Callable[[], None] = lambda: None
) -> tuple[str, Callable[[], Coroutine[Any, Any, None]]]:
    """
    Return the address that is listened on, and what serves it until cancelled.

    *scraped* is told whenever somebody reads the metrics.

    Raises:
        PortUnavailable: the address of QUINDEX_OPS_HOST and QUINDEX_OPS_PORT is taken.
    """
    listener = listen(settings.ops_host, settings.ops_port, setting="QUINDEX_OPS")
    return to_address(listener), partial(_serve, listener, is_ready, scraped)


async def _serve(
    listener: socket.socket, is_ready: Callable[[], bool], scraped: Callable[[], None]
) -> None:
    # A stranger's broken request is no news.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    app = create_operations_app(lambda: {"started": is_ready()}, scraped)
    server = to_server(app, Limits())
    log.info("operations.started", operations=to_address(listener))
    try:
        await server.serve([listener])
    except asyncio.CancelledError:
        await server.shutdown([listener])
        raise
