"""The REST API v5, below `/api/`: quota, faults, token, then what was asked for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from math import ceil
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from runtime.clock import Clock
from simulator.faults import FaultKind, Faults
from simulator.hydra import Parameters, to_collection
from simulator.instance import Instance
from simulator.listing import BadParameter, Collection, list_page
from simulator.quota import Quota, RequestLedger
from simulator.reading import find_collection
from simulator.responses import (
    JSON,
    Answer,
    Sleep,
    spoil,
    to_error_answer,
    to_json_answer,
    to_replacement,
    transmit,
)
from simulator.webhook_resource import answer_webhooks
from simulator.webhooks import WebhookService


@dataclass(frozen=True, slots=True)
class Tokens:
    """The Full Access token, and the Read Access token if there is one."""

    full: str
    read: str | None = None


class RestApi:
    """An ASGI app; it reads the raw path, since a code may hold a slash."""

    def __init__(
        self,
        instance: Instance,
        webhooks: WebhookService,
        *,
        tokens: Tokens,
        quota: Quota,
        ledger: RequestLedger,
        faults: Faults,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.quota = quota
        self._instance = instance
        self._webhooks = webhooks
        self._tokens = tokens
        self._ledger = ledger
        self._faults = faults
        self._clock = clock
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        segments = _segments(scope)
        path = "/api/" + "/".join(segments)
        met = self._faults.draw(path)
        if (late_s := self._faults.jitter_s(met)) > 0:
            await self._sleep(late_s)
        self._ledger.arrived(
            _endpoint(request.method, segments),
            self._clock(),
            resource=path if len(segments) > 1 else None,
        )
        wait_s = self.quota.take(self._clock())
        if (latency := met.get(FaultKind.LATENCY)) is not None:
            await self._sleep(latency.seconds)
        answer = to_replacement(met) if wait_s is None else self._refuse(wait_s)
        if answer is None:
            stale = met.get(FaultKind.STALE)
            lag_s = stale.seconds if stale is not None else 0.0
            answer = spoil(await self._answer(request, segments, lag_s), met)
        self._ledger.answered(answer.status)
        await transmit(answer, met, send=send, sleep=self._sleep)

    async def _answer(self, request: Request, segments: Sequence[str], lag_s: float) -> Answer:
        refused = self._authorize(request)
        if refused is not None:
            return refused
        name, ids = (segments[0], segments[1:]) if segments else ("", [])
        if name == "webhooks":
            return await answer_webhooks(request, ids, self._webhooks)
        collection = find_collection(self._instance, name, lag_s=lag_s)
        if collection is None or len(ids) > 1:
            return to_error_answer(404)
        if request.method != "GET":
            return to_error_answer(405)
        if ids:
            return _answer_item(collection, ids[0])
        return self._answer_list(request, collection, name)

    def _refuse(self, wait_s: float) -> Answer:
        answer = to_error_answer(429, html=self.quota.html)
        if not self.quota.retry_after:
            return answer
        return Answer(429, answer.body, {**answer.headers, "retry-after": str(ceil(wait_s))})

    def _authorize(self, request: Request) -> Answer | None:
        given = request.headers.get("authorization", "").encode()
        if compare_digest(given, f"Bearer {self._tokens.full}".encode()):
            return None
        read = self._tokens.read
        if read is not None and compare_digest(given, f"Bearer {read}".encode()):
            # Read Access is GET only; Quable answers a missing permission with 405.
            return None if request.method == "GET" else to_error_answer(405)
        return to_error_answer(401)

    def _answer_list(self, request: Request, collection: Collection, name: str) -> Answer:
        parameters = _parameters(request.scope)
        try:
            page = list_page(collection, parameters, id_filter=self._instance.behaviour.id_filter)
        except BadParameter as error:
            return to_error_answer(400, str(error))
        accept = request.headers.get("accept", "*/*")
        if "application/json" in accept and "ld+json" not in accept:
            return to_json_answer(page.members, media_type=JSON)
        envelope = to_collection(
            f"/api/{name}",
            collection.type,
            page.members,
            parameters=parameters,
            page=page.number,
            limit=page.limit,
            total=page.total,
        )
        return to_json_answer(envelope)


def _answer_item(collection: Collection, id_: str) -> Answer:
    row = collection.find(id_)
    return to_error_answer(404) if row is None else to_json_answer(row.show())


def _segments(scope: Scope) -> list[str]:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("ascii", "replace")
    return [
        unquote(segment) for segment in path.removeprefix("/api").strip("/").split("/") if segment
    ]


def _parameters(scope: Scope) -> Parameters:
    return parse_qsl(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)


def _endpoint(method: str, segments: Sequence[str]) -> str:
    suffix = "/{id}" if len(segments) > 1 else ""
    return f"{method} /api/{segments[0] if segments else ''}{suffix}"
