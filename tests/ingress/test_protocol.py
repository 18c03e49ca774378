"""Slow and hostile clients, over real sockets; the deadlines are short so that nobody waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingress.protocol import Limits
from ingress.servers import Server, to_server
from ingress.sockets import listen

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

CALL = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab"
PATIENT_S = 5.0
"""Long enough for anything that must happen; never waited out by a passing test."""


@dataclass
class Port:
    """A listening server that answers with what it read, once *gate* is open."""

    port: int
    server: Server
    gate: asyncio.Event
    opened: list[Streams] = field(default_factory=list)

    async def connect(self) -> Streams:
        """Open a connection, which ends with the server."""
        streams = await asyncio.open_connection("127.0.0.1", self.port)
        self.opened.append(streams)
        return streams


@asynccontextmanager
async def listening(limits: Limits) -> AsyncIterator[Port]:
    gate = asyncio.Event()
    gate.set()

    async def echo(request: Request) -> Response:
        body = await request.body()
        await gate.wait()
        return Response(body)

    app = Starlette(routes=[Route("/", echo, methods=["POST"])])
    server = to_server(app, limits)
    with listen("127.0.0.1", 0, setting="QUINDEX_TEST") as listener:
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0)
        port = Port(listener.getsockname()[1], server, gate)
        try:
            yield port
        finally:
            for _, writer in port.opened:
                writer.close()
            for _, writer in port.opened:
                with suppress(ConnectionError):
                    await writer.wait_closed()
            server.should_exit = server.force_exit = True
            await serving


async def ends(streams: Streams) -> bytes:
    """Return what is still to come once the server has closed the connection."""
    with suppress(ConnectionError):
        async with asyncio.timeout(PATIENT_S):
            return await streams[0].read()
    return b""


async def answers(streams: Streams) -> bytes:
    """Return the head of the next answer, and drop its body of two bytes."""
    async with asyncio.timeout(PATIENT_S):
        head = await streams[0].readuntil(b"\r\n\r\n")
        await streams[0].readexactly(2)
    return head


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST / HT",
        b"POST / HTTP/1.1\r\nhost: x\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
        CALL + b"POST / HT",
    ],
)
def test_who_does_not_finish_a_request_is_cut_off(sent: bytes) -> None:
    async def test() -> None:
        async with listening(Limits(headers_s=0.05, whole_s=0.1)) as port:
            streams = await port.connect()
            streams[1].write(sent)
            started_s = time.monotonic()
            rest = await ends(streams)

            assert time.monotonic() - started_s < PATIENT_S
            assert (b"200 OK" in rest) == sent.startswith(CALL)

    run(test)


def test_a_byte_now_and_then_buys_no_time() -> None:
    async def test() -> None:
        async with listening(Limits(headers_s=0.1, whole_s=0.2)) as port:
            streams = await port.connect()
            ended = asyncio.create_task(ends(streams))
            while not ended.done():
                with suppress(ConnectionError):
                    streams[1].write(b"P")
                await asyncio.wait([ended], timeout=0.02)
            await ended

    run(test)


def test_a_call_that_is_being_answered_has_all_the_time_it_needs() -> None:
    async def test() -> None:
        async with listening(Limits(headers_s=0.05, whole_s=0.05)) as port:
            port.gate.clear()
            streams = await port.connect()
            streams[1].write(CALL)
            ended = asyncio.create_task(answers(streams))
            await asyncio.wait([ended], timeout=0.2)
            port.gate.set()

            assert b"200 OK" in await ended

    run(test)


def test_an_answered_connection_takes_the_next_call() -> None:
    async def test() -> None:
        async with listening(Limits()) as port:
            streams = await port.connect()
            for _ in range(3):
                streams[1].write(CALL)
                assert b"200 OK" in await answers(streams)

    run(test)


@pytest.mark.parametrize(
    "limits", [Limits(connections_per_address_max=8), Limits(connections_max=8)]
)
def test_a_slow_client_pushes_out_slow_clients_and_no_call(limits: Limits) -> None:
    async def test() -> None:
        async with listening(limits) as port:
            port.gate.clear()
            answered = await port.connect()
            answered[1].write(CALL)
            slow = [await port.connect() for _ in range(8)]
            oldest_ended = asyncio.create_task(ends(slow[0]))
            await oldest_ended
            prompt = await port.connect()
            prompt[1].write(CALL)
            port.gate.set()

            assert b"200 OK" in await answers(answered)
            assert b"200 OK" in await answers(prompt)

    run(test)


def test_where_all_are_being_answered_the_newcomer_goes() -> None:
    async def test() -> None:
        async with listening(Limits(connections_max=1)) as port:
            port.gate.clear()
            answered = await port.connect()
            answered[1].write(CALL)
            while not port.server.server_state.tasks:  # noqa: ASYNC110 (uvicorn has no event)
                await asyncio.sleep(0)
            newcomer = await port.connect()
            assert await ends(newcomer) == b""

            port.gate.set()
            assert b"200 OK" in await answers(answered)

    run(test)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",  # TLS on a plain port
        b"GET  / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\nhost: x\r\n\r\nab",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 1_000_000 + b"\r\n\r\n",
    ],
)
def test_broken_requests_end_the_connection(sent: bytes) -> None:
    async def test() -> None:
        async with listening(Limits(headers_s=0.2, whole_s=0.2)) as port:
            streams = await port.connect()
            streams[1].write(sent)

            assert b"200 OK" not in await ends(streams)

    run(test)


def test_at_shutdown_a_connection_that_is_kept_open_may_still_call_once() -> None:
    async def test() -> None:
        async with listening(Limits()) as port:
            streams = await port.connect()
            streams[1].write(CALL)
            assert b"connection: close" not in await answers(streams)
            port.server.should_exit = True
            while port.server.servers[0].is_serving():  # noqa: ASYNC110 (uvicorn has no event)
                await asyncio.sleep(0.01)
            streams[1].write(CALL)

            assert b"connection: close" in await answers(streams)
            assert await ends(streams) == b""

    run(test)


def test_at_shutdown_a_call_that_is_under_way_is_answered() -> None:
    async def test() -> None:
        async with listening(Limits()) as port:
            port.gate.clear()
            streams = await port.connect()
            streams[1].write(CALL)
            while not port.server.server_state.tasks:  # noqa: ASYNC110 (uvicorn has no event)
                await asyncio.sleep(0)
            port.server.should_exit = True
            while port.server.servers[0].is_serving():  # noqa: ASYNC110 (uvicorn has no event)
                await asyncio.sleep(0.01)
            port.gate.set()

            assert b"connection: close" in await answers(streams)

    run(test)
