"""Serves the console until it is told to stop."""

import asyncio
import logging
import signal
from typing import Final

import click

from ingress.servers import Server, to_config
from ingress.sockets import listen, to_address
from ops.pages.access import is_loopback
from ops.pages.app import Console
from ops.pages.desk import Desk
from ops.pages.guard import Gate
from runtime.errors import SettingsInvalid
from runtime.settings import Settings

TOKEN_MIN_CHARS: Final = 16
CONNECTIONS_MAX: Final = 100
GRACE_S: Final = 2
_HEAD_MAX_BYTES: Final = 64 * 1024


def check_exposed(settings: Settings) -> None:
    """
    Refuse to show an installation to whoever comes by.

    Raises:
        SettingsInvalid: others can reach it, and there is no token, or a weak one.
    """
    token = settings.console_token.get_secret_value()
    if token and len(token) < TOKEN_MIN_CHARS:
        raise SettingsInvalid(
            f"QUINDEX_CONSOLE_TOKEN is shorter than {TOKEN_MIN_CHARS} characters.\n"
            "Set one that cannot be guessed, such as what `openssl rand -hex 32` prints."
        )
    if not token and not is_loopback(settings.console_host):
        raise SettingsInvalid(
            f"QUINDEX_CONSOLE_HOST is {settings.console_host}, so others can reach the console, "
            "and QUINDEX_CONSOLE_TOKEN is not set.\n"
            "Set a token, such as what `openssl rand -hex 32` prints, or listen on 127.0.0.1."
        )


async def serve(settings: Settings) -> None:
    """
    Serve until SIGTERM or SIGINT.

    Raises:
        PortUnavailable: the address cannot be listened on.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    for name in ("kafka", "aiokafka", "elastic_transport"):  # pages say what does not answer
        logging.getLogger(name).setLevel(logging.CRITICAL)
    stopping, desk = asyncio.Event(), Desk(settings)
    gate = Gate(settings.console_token.get_secret_value())
    server = Server(
        to_config(
            Console(desk, gate, stopping).create_app(),
            http="h11",
            limit_concurrency=CONNECTIONS_MAX,
            h11_max_incomplete_event_size=_HEAD_MAX_BYTES,
            timeout_graceful_shutdown=GRACE_S,
        )
    )

    def stop() -> None:
        stopping.set()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with listen(
        settings.console_host, settings.console_port, setting="QUINDEX_CONSOLE"
    ) as listener:
        click.echo(f"http://{to_address(listener)}/")
        click.echo("Ctrl-C ends it.", err=True)
        try:
            await server.serve([listener])
        finally:
            await desk.close()
