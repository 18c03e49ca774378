"""A proxy before a real Elasticsearch, that does to bulks what a bad day does."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import orjson
from aiohttp import ClientSession, ClientTimeout, web

POISON = "poison-pill"
REFUSED_SHARE = 0.3
_BUSY = {"type": "es_rejected_execution_exception", "reason": "rejected by the proxy"}
_PRODUCT = {"X-Elastic-Product": "Elasticsearch"}


class Fault(Enum):
    """What happens to a bulk."""

    NONE = "none"
    ITEMS_BUSY = "429 for some items"
    BULKS_BUSY = "429 for some bulks"
    UNAVAILABLE = "503"
    RESTARTING = "written, and never answered"


class Proxy:
    """
    Forwards everything, but for what *fault* says of bulks.

    The document that holds POISON reaches the server damaged: its refusal is the server's own.
    """

    def __init__(self, address: str) -> None:
        self.fault = Fault.NONE
        self.faults = 0  # bulks that met one
        self._address = address
        self._random = random.Random(7)  # noqa: S311  # no secret

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Yield the proxy's address."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with ClientSession(timeout=ClientTimeout(total=60)) as self._session:
                yield "http://{}:{}".format(*runner.addresses[0][:2])
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not request.path.endswith("_bulk"):
            return await self._forward(request, body)
        lines = body.split(b"\n")[:-1]
        pairs = [(lines[at], _damage(lines[at + 1])) for at in range(0, len(lines), 2)]
        self.faults += self.fault is not Fault.NONE
        match self.fault:
            case Fault.UNAVAILABLE:
                return _refuse(503)
            case Fault.BULKS_BUSY if self._random.random() < REFUSED_SHARE:
                return _refuse(429)
            case Fault.RESTARTING:
                await self._forward(request, _join(pairs))
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case Fault.ITEMS_BUSY:
                return await self._forward_some(request, pairs)
        return await self._forward(request, _join(pairs))

    async def _forward_some(
        self, request: web.Request, pairs: Sequence[tuple[bytes, bytes]]
    ) -> web.Response:
        passes = [self._random.random() >= REFUSED_SHARE for _ in pairs]
        chosen = [pair for pair, passed in zip(pairs, passes, strict=True) if passed]
        items: list[Any] = []
        if chosen:
            answer = await self._forward(request, _join(chosen))
            assert isinstance(answer.body, bytes)
            items = orjson.loads(answer.body)["items"]
        rest = iter(items)
        busy = {"index": {"status": 429, "error": _BUSY}}
        shown = [next(rest) if passed else busy for passed in passes]
        return _answer(200, {"took": 1, "errors": True, "items": shown})

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in {"host", "content-length", "accept-encoding"}
        }
        url = f"{self._address}{request.path_qs}"
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers={"Content-Type": answer.headers.get("Content-Type", ""), **_PRODUCT},
            )


def _damage(document: bytes) -> bytes:
    return document[: len(document) // 2] if POISON.encode() in document else document


def _join(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(line + b"\n" for pair in pairs for line in pair)


def _refuse(status: int) -> web.Response:
    return _answer(status, {"error": _BUSY, "status": status})


def _answer(status: int, body: Any) -> web.Response:
    headers = {"Content-Type": "application/vnd.elasticsearch+json;compatible-with=9", **_PRODUCT}
    return web.Response(status=status, body=orjson.dumps(body), headers=headers)
