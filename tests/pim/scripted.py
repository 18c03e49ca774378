"""A transport that answers what it was told to, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import orjson


@dataclass(frozen=True, slots=True)
class Reply:
    """
    One answer; its body comes in *chunks*.

    After them comes *ending*, if it is an error, or nothing for ever, if it is "never".
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Sequence[bytes] = ()
    ending: Exception | str | None = None


def to_reply(content: object, *, status: int = 200, **headers: str) -> Reply:
    """Return an answer in JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, [orjson.dumps(content)])


class _Body(httpx.AsyncByteStream):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._reply.chunks:
            yield chunk
        if isinstance(self._reply.ending, Exception):
            raise self._reply.ending
        if self._reply.ending is not None:
            await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


class ScriptedTransport(httpx.AsyncBaseTransport):
    """Gives the replies one after the other, the last one again and again; raises the errors."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self._replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.bodies: list[_Body] = []
        self.answered = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        self.bodies.append(_Body(reply))
        self.answered.set()
        return httpx.Response(reply.status, headers=reply.headers, stream=self.bodies[-1])

    @property
    def urls(self) -> list[str]:
        """What was asked for, as it went over the wire."""
        return [str(request.url) for request in self.requests]


class CountingGate:
    """Lets everything through, and remembers with which error each request left."""

    def __init__(self) -> None:
        self.entered = 0
        self.left: list[BaseException | None] = []

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        self.entered += 1
        try:
            yield
        except BaseException as error:
            self.left.append(error)
            raise
        self.left.append(None)
