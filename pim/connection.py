"""One HTTP request to the PIM at a time: its gate, deadline, size, metrics and tries."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
import orjson
import stamina

from pim.answers import Answer, parse_answer
from pim.bodies import ACCEPT_ENCODING, BodyReader
from pim.gate import Gate
from pim.retries import RetryPolicy
from runtime.clock import Clock
from runtime.errors import (
    PimAnswerTooLarge,
    PimAnswerUnusable,
    PimTimeout,
    PimUnauthorized,
    PimUnavailable,
    QuindexError,
)
from runtime.metrics import pim_request_seconds, pim_requests

TIMEOUT_S: Final = 30.0
"""From the gate to the last byte of the answer."""
ANSWER_MAX_BYTES: Final = 32 * 1024 * 1024
"""Decompressed; a page of 100 documents has about 1 MB."""
LARGE_BYTES: Final = 4 * 1024 * 1024
LARGE_MAX: Final = 2
"""Answers beyond that size that are read at once; others wait with what they have."""
_CONNECTIONS_MAX: Final = 16
_IDLE_S: Final = 30.0


class PimConnection:
    """
    Sends requests with the token, and sorts what comes back.

    Raises:
        ValueError: the token cannot be a header; the message does not show it.
    """

    def __init__(
        self,
        token: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = TIMEOUT_S,
        answer_max_bytes: int = ANSWER_MAX_BYTES,
        retries: RetryPolicy | None = None,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
    ) -> None:
        if not token.isascii() or not token.isprintable() or not token or " " in token:
            raise ValueError("the PIM's token is empty, or holds characters that no header can")
        self._timeout_s = timeout_s
        self._answer_max_bytes = answer_max_bytes
        self._retries = retries or RetryPolicy()
        self._clock, self._wall_clock = clock, wall_clock
        self._large = asyncio.Semaphore(LARGE_MAX)
        self._http = httpx.AsyncClient(
            transport=transport,
            headers={
                "Accept": "application/ld+json",
                "Accept-Encoding": ACCEPT_ENCODING,
                "Authorization": f"Bearer {token}",
                "User-Agent": "quindex",
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none is ever kept
            follow_redirects=False,
            timeout=timeout_s,
            limits=httpx.Limits(
                max_connections=_CONNECTIONS_MAX,
                max_keepalive_connections=_CONNECTIONS_MAX,
                keepalive_expiry=_IDLE_S,
            ),
        )

    async def get(self, url: str, gate: Gate) -> object | None:
        """
        Return the decoded answer, or None for 404 and 410; each try passes the gate.

        Raises:
            PimUnavailable, PimUnauthorized, PimAnswerUnusable: as `parse_answer` sorts them, and
                PimUnavailable too if no whole answer came.
        """
        self._retries.budget.on_request()
        tries = stamina.retry_context(on=self._retries.to_hook(), attempts=None, timeout=None)
        async for attempt in tries:
            with attempt:
                async with gate.request():
                    return await self._try("GET", url)
        raise AssertionError("stamina always returns or raises")

    async def send(
        self, method: str, url: str, content: Mapping[str, object], gate: Gate
    ) -> object:
        """
        Send JSON once and return the decoded answer: what may have been done is not tried again.

        Raises:
            PimUnavailable, PimUnauthorized, PimAnswerUnusable: as `get` does, and
                PimAnswerUnusable too if what is addressed is not there.
        """
        async with gate.request():
            decoded = await self._try(method, url, orjson.dumps(content))
        if decoded is None:
            raise PimAnswerUnusable("the PIM has nothing at this address", status=404)
        return decoded

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _try(self, method: str, url: str, content: bytes | None = None) -> object | None:
        outcome, started_s = "cancelled", self._clock()
        answer: Answer | None = None
        try:
            answer = await self._exchange(method, url, content)
            decoded = parse_answer(answer, now_s=self._wall_clock())
            outcome = "gone" if decoded is None else "ok"
        except QuindexError as error:
            outcome = to_outcome(error)
            # Its causes and frames hold the body, and what tries again holds the error, until the
            # garbage collector comes round: by then there may be gigabytes of them.
            answer = error.__cause__ = error.__context__ = None
            raise error.with_traceback(None)  # noqa: B904  # for the same reason
        finally:
            pim_requests.labels(outcome).inc()
            pim_request_seconds.observe(self._clock() - started_s)
        return decoded

    async def _exchange(self, method: str, url: str, content: bytes | None) -> Answer:
        headers = None if content is None else {"Content-Type": "application/json"}
        request = self._http.stream(method, url, content=content, headers=headers)
        try:
            async with asyncio.timeout(self._timeout_s), request as response:
                return await self._read(response)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise PimTimeout(f"no whole answer of the PIM within {self._timeout_s:g} s") from error
        except httpx.InvalidURL as error:  # httpx reads Location, though it follows none
            raise PimAnswerUnusable(f"the PIM answered with no address: {error}") from error
        except httpx.TransportError as error:
            # The text names addresses and system errors; headers are never part of it.
            raise PimUnavailable(f"the PIM did not answer: {str(error) or repr(error)}") from error

    async def _read(self, response: httpx.Response) -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = b""
        if response.is_success:
            body = await self._read_body(response)
        else:
            # Read on only so that the connection can be used again: the status says it all.
            with suppress(PimAnswerUnusable, PimUnavailable, httpx.TransportError):
                body = await self._read_body(response)
        return Answer(response.status_code, headers, body)

    async def _read_body(self, response: httpx.Response) -> bytes:
        reader = BodyReader(
            encoding=response.headers.get("content-encoding", ""), max_bytes=self._answer_max_bytes
        )
        # The stream itself, since httpx would decompress a whole chunk at once.
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async with AsyncExitStack() as large:
            is_large = False
            large.callback(reader.clear)
            async for chunk in response.stream:
                reader.feed(chunk)
                if reader.size_bytes > LARGE_BYTES and not is_large:
                    await large.enter_async_context(self._large)
                    is_large = True
            return reader.finish()


def to_outcome(error: QuindexError) -> str:
    """Return the metric's word for an error."""
    match error:
        case PimTimeout():
            return "timeout"
        case PimUnavailable(status=429):
            return "throttled"
        case PimUnavailable():
            return "unavailable"
        case PimUnauthorized():
            return "unauthorized"
        case PimAnswerTooLarge():
            return "too_large"
        case _:
            return "unusable"
