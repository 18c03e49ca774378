"""Answers as bytes, and how a fault spoils them on their way."""

import gzip
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import httpx
import orjson
from starlette.types import Send

from simulator.faults import MEBIBYTE, Fault, FaultKind
from simulator.hydra import to_error

Sleep = Callable[[float], Awaitable[None]]

LD_JSON: Final = "application/ld+json; charset=utf-8"
JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"

_REASONS: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Access Denied.",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
}


class Reset(httpx.RemoteProtocolError):
    """
    Ends the connection in the middle of an answer.

    A server closes its socket on an exception; a client in the same process gets this one, which
    is what httpx would raise for the closed socket.
    """


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before it is sent."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def to_json_answer(content: object, *, status: int = 200, media_type: str = LD_JSON) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, orjson.dumps(content), {"content-type": media_type})


def to_error_answer(status: int, description: str | None = None, *, html: bool = False) -> Answer:
    """Return an error in the style of API Platform, or as the HTML page of a gateway."""
    text = description or _REASONS.get(status, "Internal Server Error")
    if html:
        page = f"<html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>"
        return Answer(status, page.encode(), {"content-type": HTML})
    return to_json_answer(to_error(text), status=status)


def to_replacement(met: Mapping[FaultKind, Fault]) -> Answer | None:
    """Return what a fault answers in place of the API, if one does."""
    if (fault := met.get(FaultKind.THROTTLE)) is not None:
        answer = to_error_answer(429, html=fault.html)
        if fault.retry_after_s is None:
            return answer
        return replace(answer, headers={**answer.headers, "retry-after": str(fault.retry_after_s)})
    if (fault := met.get(FaultKind.STATUS)) is not None:
        return to_error_answer(fault.status, html=fault.html)
    if FaultKind.MAINTENANCE in met:
        return replace(to_error_answer(503, "We will be back soon", html=True), status=200)
    return None


def spoil(answer: Answer, met: Mapping[FaultKind, Fault]) -> Answer:
    """Return the answer as the faults leave it; it is still sent whole."""
    if FaultKind.EMPTY in met:
        answer = _to_empty(answer)
    if FaultKind.TRUNCATED in met:
        answer = replace(answer, body=answer.body[: len(answer.body) // 2])
    if (fault := met.get(FaultKind.HUGE)) is not None:
        answer = replace(answer, body=answer.body.ljust(fault.size_bytes))
    if (fault := met.get(FaultKind.GZIP_BOMB)) is not None:
        headers = {**answer.headers, "content-encoding": "gzip"}
        return replace(answer, body=_to_bomb(answer.body, fault.size_bytes), headers=headers)
    return answer


async def transmit(
    answer: Answer, met: Mapping[FaultKind, Fault], *, send: Send, sleep: Sleep
) -> None:
    """
    Send an answer.

    Raises:
        Reset: with that fault, in the middle of the body.
    """
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if FaultKind.RESET in met:
        half = answer.body[: len(answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        raise Reset("the connection was reset on request")
    if (fault := met.get(FaultKind.SLOW_BODY)) is not None:
        for byte in answer.body:
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await sleep(fault.seconds)
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.body", "body": answer.body})


def _to_empty(answer: Answer) -> Answer:
    """Return a list without its members; what is no list stays."""
    content = orjson.loads(answer.body)
    if not isinstance(content, dict) or "hydra:member" not in content:
        return answer
    return replace(
        answer,
        body=orjson.dumps({**content, "hydra:member": [], "hydra:totalItems": 0, "hydra:view": {}}),
    )


def _to_bomb(body: bytes, size_bytes: int) -> bytes:
    """Pack *body*, padded with spaces to *size_bytes*, without holding it all in memory."""
    parts = [gzip.compress(body)]
    block = gzip.compress(b" " * MEBIBYTE)
    parts += [block] * max(0, size_bytes // MEBIBYTE)
    return b"".join(parts)
