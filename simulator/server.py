"""Runs the simulator as a process: one socket, one event loop, until a signal."""

import asyncio
import errno
import logging
import math
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from starlette.applications import Starlette

from runtime.errors import Refused, SettingsInvalid, Unreachable
from simulator.app import create_app
from simulator.delivery import Counting
from simulator.locales import parse_fallbacks
from simulator.quota import QUABLE_WINDOWS, Quota, Window
from simulator.responses import Reset
from simulator.rest import Tokens
from simulator.subscription import Subscription, WebhookOptions

_KEEP_ALIVE_S = 75
_SHUTDOWN_S = 3

Announce = Callable[[str], None]


class ServerOptions(BaseModel):
    """The options of the command, read; lists come as text, comma separated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int
    documents: int
    locales: tuple[str, ...]
    fallbacks: dict[str, str]
    seed: int
    token: str
    read_token: str | None
    webhook_url: str | None
    webhook_authorization: str | None
    webhook_in_flight: int
    webhook_counting: Counting
    time_scale: float
    quotas: tuple[Window, ...]

    @field_validator("locales", mode="before")
    @classmethod
    def _split_locales(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _parse_fallbacks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return parse_fallbacks([pair for pair in value.split(",") if pair.strip()])

    @field_validator("quotas", mode="before")
    @classmethod
    def _parse_quotas(cls, value: object) -> object:
        if not isinstance(value, tuple):
            return value
        return tuple(_parse_window(str(each)) for each in value) or QUABLE_WINDOWS


def parse_options(options: object) -> ServerOptions:
    """
    Check the options of the command.

    Raises:
        SettingsInvalid: one or more cannot be used; all of them are listed.
    """
    try:
        return ServerOptions.model_validate(options)
    except ValidationError as error:
        lines = [f"{_to_option(each['loc'][0])}: {each['msg']}" for each in error.errors()]
        raise SettingsInvalid("\n".join(lines)) from error


def serve(options: ServerOptions, *, announce: Announce) -> None:
    """
    Serve until SIGINT or SIGTERM; tell *announce* the addresses once they answer.

    Raises:
        Refused: the port is in use.
        Unreachable: the host is not an address of this machine.
    """
    logging.getLogger("uvicorn.error").addFilter(_NoResets())
    with _listen(options.host, options.port) as listener:
        config = uvicorn.Config(
            _create_app(options),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        base = f"http://{_to_authority(options.host, listener.getsockname()[1])}"

        def ready() -> None:
            announce(f"REST API     {base}/api/")
            announce(f"control API  {base}/control/")
            announce(f"webhook to   {options.webhook_url or 'nobody: --webhook-url names whom'}")

        asyncio.run(_run(_Server(config, ready), listener))


class _NoResets(logging.Filter):
    """Keeps the faults that were asked for out of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], Reset))


class _Server(uvicorn.Server):
    """Says when it is ready, and leaves signals to us: uvicorn raises them again in the end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _run(server: _Server, listener: socket.socket) -> None:
    def stop() -> None:
        server.force_exit = server.should_exit  # the second time
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await server.serve([listener])


def _create_app(options: ServerOptions) -> Starlette:
    try:
        return create_app(
            seed=options.seed,
            documents=options.documents,
            locales=options.locales,
            fallbacks=options.fallbacks,
            tokens=Tokens(options.token, options.read_token),
            subscription=Subscription(
                url=options.webhook_url, authorization=options.webhook_authorization
            ),
            webhook_options=WebhookOptions(
                time_scale=options.time_scale,
                counting=options.webhook_counting,
                in_flight_max=options.webhook_in_flight,
            ),
            quota=Quota(options.quotas),
        )
    except ValueError as error:
        raise SettingsInvalid(f"the simulator cannot be set up: {error}") from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        where = _to_authority(host, port)
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                f"The simulator cannot listen on {where}: the port is in use, perhaps by"
                " another simulator. Stop that one, or choose another with --port (0: a free one)."
            ) from error
        raise Unreachable(
            f"The simulator cannot listen on {where}: {error.strerror}."
            " Choose an address of this machine with --host, such as 127.0.0.1."
        ) from error
    return listener


def _to_option(field: object) -> str:
    return "--quota" if field == "quotas" else f"--{field}".replace("_", "-")


def _to_authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parse_window(text: str) -> Window:
    requests, _, seconds = text.partition("/")
    try:
        window = Window(int(requests), float(seconds))
    except ValueError:
        window = None
    if window is None or window.requests_max < 0 or not 0 < window.window_s < math.inf:
        raise ValueError(f"not a quota: {text!r}; write requests/seconds, such as 6000/600")
    return window
