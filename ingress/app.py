"""The public application: one path, and an answer only once the notification is durable."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from prometheus_client import Counter, Gauge
from starlette.types import Receive, Scope, Send

from ingress.authorization import Authorization
from ingress.body import CallerGone, read_body
from ingress.judgement import STAGE, judge
from ingress.ladder import Ladder, Rung
from runtime import tracing
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
    """
    The one endpoint, and the whole application of the public port.

    An ASGI application by itself: what stands between it and the server would cost each call as
    much as all that is done here.
    """

    authorization: Authorization
    ladder: Ladder
    names: TopicNames
    clock: Clock  # time.time
    monotonic: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        assert scope["type"] == "http"  # the server speaks nothing else
        if scope["path"] != PATH:
            await _answer(send, 404, closes=True)
            return
        if scope["method"] != "POST":
            await _answer(send, 405, closes=True)
            return
        try:
            status, closes = await self._take(scope["headers"], receive)
        except CallerGone:
            _count(0, Rung.NOWHERE)
            return
        except Exception as error:  # noqa: BLE001 (whatever broke, the caller is told the truth)
            log.critical("webhook.failed", error=f"{type(error).__name__}: {error}")
            _count(503, Rung.NOWHERE)
            status, closes = 503, False
        # Died here: the caller has no answer and tries again; the notification comes twice.
        await _answer(send, status, closes=closes)

    async def _take(
        self, headers: Sequence[tuple[bytes, bytes]], receive: Receive
    ) -> tuple[int, bool]:
        """Return the answer's status, and whether it is the connection's last."""
        started_s = self.monotonic()
        secret = self.authorization.match(
            value for name, value in headers if name == b"authorization"
        )
        if secret is None:
            _count(401, Rung.NOWHERE)
            return 401, True  # the body is not read
        _seen(secret).set(self.clock())
        if _is_ambiguous(headers):
            _count(400, Rung.NOWHERE)
            return 400, True
        body = await read_body(receive)
        encoding = next((value for name, value in headers if name == b"content-encoding"), b"")
        with tracing.span(f"POST {PATH}", tracing.Side.SERVER):
            judgement = judge(
                body,
                self.names,
                now_s=self.clock(),
                content_encoding=encoding,
                trace=tracing.to_trace_headers(),
            )
            rung = await self.ladder.store(judgement.accepted)
        if judgement.reason is not None and rung is not Rung.NOWHERE:
            dead_letters.labels(STAGE, judgement.reason).inc()
            log.warning("webhook.dead_lettered", reason=judgement.reason, stored=rung.value)
        status = 503 if rung is Rung.NOWHERE else 202
        _count(status, rung)
        webhook_call_seconds.observe(self.monotonic() - started_s)
        return status, not body.is_whole


async def _answer(send: Send, status: int, *, closes: bool) -> None:
    headers = [_EMPTY, _CLOSE] if closes else [_EMPTY]
    start: MutableMapping[str, Any] = {
        "type": "http.response.start",
        "status": status,
        "headers": headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": b""})


def _is_ambiguous(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    # Two opinions about where the body ends: the shape of request smuggling, never of a sender.
    names = [name for name, _ in headers]
    return b"transfer-encoding" in names and b"content-length" in names


def _count(status: int, rung: Rung) -> None:
    _answered(status, rung).inc()


@cache
def _answered(status: int, rung: Rung) -> Counter:
    return webhook_calls.labels(str(status), rung.value)


@cache
def _seen(secret: str) -> Gauge:
    return webhook_secret_seen.labels(secret)
