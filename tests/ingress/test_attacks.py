"""Raw sockets against the real process: none is held for long, and calls are answered meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from ingress.app import PATH
from tests.ingress.examples import AUTHORIZATION, NAMES
from tests.ingress.processes import Caller, Ingress

HELD_MAX_S = 11.0
BUSY_MACHINE_S = 4.0
"""On top, since whoever measures may be late too."""
SLOW_SOCKETS = 1_000
QUABLE_WAITS_S = 5.0
QUICK_S = 0.25

_LINE = f"POST {PATH} HTTP/1.1\r\n".encode()
_HEAD = _LINE + f"host: x\r\nauthorization: {AUTHORIZATION}\r\n".encode()
_SMUGGLED = b"GET /admin HTTP/1.1\r\nhost: x\r\n\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"

ATTACKS = {
    "nothing": b"",
    "half a request line": b"POST /webh",
    "half headers": _HEAD,
    "half a body": _HEAD + b"content-length: 100\r\n\r\nabc",
    "half a chunk": _HEAD + _CHUNKED + b"\r\n5\r\nab",
    "chunks without an end": _HEAD + _CHUNKED + b"\r\n2\r\nab\r\n",
    "both lengths": _HEAD + b"content-length: 4\r\n" + _CHUNKED + b"\r\n0\r\n\r\n" + _SMUGGLED,
    "both lengths, turned": _HEAD + _CHUNKED + b"content-length: 4\r\n\r\n0\r\n\r\n" + _SMUGGLED,
    "two lengths": _HEAD + b"content-length: 0\r\ncontent-length: 34\r\n\r\n" + _SMUGGLED,
    "a list of lengths": _HEAD + b"content-length: 0, 34\r\n\r\n" + _SMUGGLED,
    "a signed length": _HEAD + b"content-length: +4\r\n\r\nabcd",
    "a negative length": _HEAD + b"content-length: -1\r\n\r\n",
    "a length of letters": _HEAD + b"content-length: 0x10\r\n\r\n",
    "an endless length": _HEAD + b"content-length: " + b"9" * 40 + b"\r\n\r\n",
    "an unknown coding": _HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": _HEAD + _CHUNKED + b"transfer-encoding: identity\r\n\r\n0\r\n\r\n",
    "a blank before the colon": _HEAD + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded header": _HEAD + b"x: a\r\n b: c\r\ncontent-length: 4\r\n",
    "bare line feeds": _HEAD.replace(b"\r\n", b"\n") + b"content-length: 9\n\n",
    "bare carriage returns": _HEAD.replace(b"\r\n", b"\r") + b"\r\r",
    "a nul in a header": _HEAD + b"x: a\0b\r\n\r\n",
    "a chunk size of letters": _HEAD + _CHUNKED + b"\r\nzz\r\n",
    "an endless chunk size": _HEAD + _CHUNKED + b"\r\n" + b"f" * 64 + b"\r\n",
    "a chunk extension without an end": _HEAD + _CHUNKED + b"\r\n2;" + b"x" * 100_000,
    "endless headers": _HEAD + b"x: " + b"y" * 1_000_000,
    "many headers": _HEAD + b"".join(b"x%d: y\r\n" % it for it in range(20_000)),
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n",
    "an upgrade": _HEAD + b"connection: upgrade\r\nupgrade: websocket\r\n",
    "a promise to go on": _HEAD + b"expect: 100-continue\r\ncontent-length: 10\r\n\r\n",
}


@asynccontextmanager
async def ingress_alone(folder: Path) -> AsyncIterator[Ingress]:
    """An ingress without Kafka: what it takes lies in its spool."""
    ingress = Ingress(
        {
            "QUINDEX_KAFKA": "127.0.0.1:1",
            "QUINDEX_TOPIC_PREFIX": NAMES.prefix,
            "QUINDEX_WEBHOOK_AUTHORIZATION": AUTHORIZATION,
            "QUINDEX_SPOOL_PATH": str(folder),
        }
    )
    await ingress.start()
    try:
        yield ingress
    finally:
        await ingress.stop()


async def attack(port: int, sent: bytes) -> tuple[float, bytes]:
    """Send it and keep the connection; return how long it was held, and what came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began_s, came = time.monotonic(), b""
    with suppress(ConnectionError):
        writer.write(sent)
        came = await reader.read()
    held_s = time.monotonic() - began_s
    writer.close()
    return held_s, came


async def drip(port: int) -> tuple[float, bytes]:
    """Send one byte a second for as long as the connection lasts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began_s = time.monotonic()
    reading = asyncio.create_task(reader.read())
    for byte in _HEAD + b"content-length: 1\r\n\r\n":
        writer.write(bytes([byte]))
        done, _ = await asyncio.wait([reading], timeout=1.0)
        if done:
            break
    held_s = time.monotonic() - began_s
    with suppress(ConnectionError):
        await reading
    writer.close()
    return held_s, b""


async def probe(
    ingress: Ingress, attacks: asyncio.Future[list[tuple[float, bytes]]]
) -> list[float]:
    """Make real calls until the attacks are over; return how long each took."""
    took_s: list[float] = []
    caller = Caller(ingress.url)
    async with httpx.AsyncClient(timeout=30) as client:
        while not attacks.done():
            began_s = time.monotonic()
            assert await caller.call(client)
            took_s.append(time.monotonic() - began_s)
            await asyncio.wait([attacks], timeout=0.2)
    return sorted(took_s)


@pytest.mark.stack  # it needs none of the servers, but takes as long as if it did
def test_no_attack_holds_a_connection_or_hinders_a_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        async with ingress_alone(tmp_path) as ingress:
            port = ingress.ports[0]
            slow = [attack(port, _HEAD[: 40 + it % 30]) for it in range(SLOW_SOCKETS)]
            attacks = asyncio.gather(
                *(attack(port, sent) for sent in ATTACKS.values()), drip(port), *slow
            )
            took_s = await probe(ingress, attacks)
            outcomes = await attacks
            with capsys.disabled():
                print(  # noqa: T201  # what the run shows
                    f"\n{SLOW_SOCKETS} slow sockets: {len(took_s)} calls, median "
                    f"{took_s[len(took_s) // 2] * 1000:.0f} ms, slowest {took_s[-1] * 1000:.0f} ms; "
                    f"held at most {max(held_s for held_s, _ in outcomes):.1f} s"
                )

            assert took_s[0] < QUICK_S
            assert took_s[-1] < QUABLE_WAITS_S
            for name, (held_s, came) in zip(ATTACKS, outcomes, strict=False):
                assert held_s < HELD_MAX_S + BUSY_MACHINE_S, name
                assert came.count(b"HTTP/1.1 ") <= 1 + came.count(b"100 Continue"), name
                assert b" 5" not in came[:13], name
                assert b"server:" not in came.lower(), name
            assert max(held_s for held_s, _ in outcomes) < HELD_MAX_S + BUSY_MACHINE_S

    asyncio.run(test())
