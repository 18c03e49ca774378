"""The public application: one path, and an answer only once the notification is durable."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ingress.authorization import Authorization
from ingress.body import CallerGone, read_body
from ingress.judgement import STAGE, judge
from ingress.ladder import Ladder, Rung
from runtime.clock import Clock
from runtime.logs import get_logger
from runtime.metrics import dead_letters, webhook_call_seconds, webhook_calls, webhook_secret_seen
from topics.names import TopicNames

PATH: Final = "/webhooks/quable"
_CLOSE: Final = (b"connection", b"close")
_EMPTY: Final = (b"content-length", b"0")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Webhook:
    """The one endpoint; an ASGI application, so that nothing stands between it and the caller."""

    authorization: Authorization
    ladder: Ladder
    names: TopicNames
    clock: Clock  # time.time
    monotonic: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        started_s = self.monotonic()
        if scope["method"] != "POST":
            await _answer(send, 405, closes=True)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        secret = self.authorization.match(
            value for name, value in headers if name == b"authorization"
        )
        if secret is None:
            _count(401, Rung.NOWHERE)
            await _answer(send, 401, closes=True)  # the body is not read
            return
        webhook_secret_seen.labels(secret).set(self.clock())
        if _is_ambiguous(headers):
            _count(400, Rung.NOWHERE)
            await _answer(send, 400, closes=True)
            return
        try:
            body = await read_body(receive)
        except CallerGone:
            _count(0, Rung.NOWHERE)
            return
        encoding = next((value for name, value in headers if name == b"content-encoding"), b"")
        judgement = judge(body, self.names, now_s=self.clock(), content_encoding=encoding)
        rung = await self.ladder.store(judgement.accepted)
        if judgement.reason is not None and rung is not Rung.NOWHERE:
            dead_letters.labels(STAGE, judgement.reason).inc()
            log.warning("webhook.dead_lettered", reason=judgement.reason, stored=rung.value)
        status = 503 if rung is Rung.NOWHERE else 202
        _count(status, rung)
        webhook_call_seconds.observe(self.monotonic() - started_s)
        # Died here: the caller has no answer and tries again; the notification comes twice.
        await _answer(send, status, closes=not body.is_whole)


def create_app(
    *,
    authorization: Authorization,
    ladder: Ladder,
    names: TopicNames,
    clock: Clock,
    monotonic: Clock,
) -> Starlette:
    """Return the application of the public port."""
    webhook = Webhook(authorization, ladder, names, clock, monotonic)
    app = Starlette(
        routes=[Route(PATH, webhook)],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
    )
    app.router.redirect_slashes = False  # for Quable, a redirect is a failure
    return app


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Response(status_code=error.status_code, headers={"connection": "close"})


async def _fail(_request: Request, error: Exception) -> Response:
    log.critical("webhook.failed", error=f"{type(error).__name__}: {error}")
    _count(503, Rung.NOWHERE)
    return Response(status_code=503)


async def _answer(send: Send, status: int, *, closes: bool) -> None:
    headers = [_EMPTY, _CLOSE] if closes else [_EMPTY]
    start: MutableMapping[str, Any] = {
        "type": "http.response.start",
        "status": status,
        "headers": headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": b""})


def _is_ambiguous(headers: list[tuple[bytes, bytes]]) -> bool:
    # Two opinions about where the body ends: the shape of request smuggling, never of a sender.
    names = [name for name, _ in headers]
    return b"transfer-encoding" in names and b"content-length" in names


def _count(status: int, rung: Rung) -> None:
    webhook_calls.labels(str(status), rung.value).inc()
