"""Quable's webhook subscriptions, by its API."""

from typing import Any

import httpx
import orjson
import pytest

from pim.webhooks import EVENTS, Webhook, parse_webhook
from runtime.errors import PimAnswerUnusable, PimUnavailable
from tests.pim.scripted import CountingGate
from tests.pim.test_client import use
from tests.pim.tiny_pim import TinyPim

SHOWN: dict[str, Any] = {
    "id": 7,
    "name": "search",
    "active": False,
    "url": "https://h/webhooks/quable",
    "events": ["document.update"],
}
WEBHOOK = Webhook("7", "search", False, "https://h/webhooks/quable", ("document.update",))


class Recorder(httpx.AsyncBaseTransport):
    """Answers as it is told, and keeps the requests."""

    def __init__(self, status: int, content: object) -> None:
        self.status, self.content = status, content
        self.requests: list[tuple[str, str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.requests.append((request.method, request.url.path, orjson.loads(body)))
        assert request.headers["content-type"] == "application/json"
        return httpx.Response(self.status, content=orjson.dumps(self.content))


def test_subscriptions_are_read() -> None:
    pim = TinyPim({"webhooks": [SHOWN]})

    assert use(pim, lambda client: client.webhooks()) == [WEBHOOK]


@pytest.mark.parametrize("shown", [None, [], {}, {"name": "search"}])
def test_what_has_no_id_is_no_webhook(shown: object) -> None:
    with pytest.raises(PimAnswerUnusable):
        parse_webhook(shown)


def test_what_is_not_told_is_not_known() -> None:
    webhook = parse_webhook({"id": "7", "active": "yes", "events": None})

    assert webhook == Webhook("7", "", None, "", None)
    assert webhook.untold == ["name", "url", "events"]
    assert webhook.missing_events == []


@pytest.mark.parametrize(
    "events", [{"0": "document.update"}, [{"code": "document.update"}], ["document.update", 7]]
)
def test_events_in_another_form_are_not_told(events: object) -> None:
    webhook = parse_webhook({**SHOWN, "events": events})

    assert webhook.events is None
    assert webhook.untold == ["events"]


def test_no_events_are_told_too() -> None:
    webhook = parse_webhook({**SHOWN, "events": []})

    assert webhook.untold == []
    assert webhook.to_payload(active=True)["events"] == []


def test_missing_events_are_those_that_are_of_use() -> None:
    assert WEBHOOK.missing_events == [event for event in EVENTS if event != "document.update"]


def test_to_enable_changes_nothing_else_and_is_one_request() -> None:
    pim, gate = Recorder(200, {**SHOWN, "active": True}), CountingGate()
    enabled = use(pim, lambda client: client.enable_webhook(WEBHOOK), gate=gate)

    assert enabled.is_active is True
    sent = {name: SHOWN[name] for name in ("name", "url", "events")}
    assert pim.requests == [("PUT", "/api/webhooks/7", {**sent, "active": True})]
    assert gate.entered == 1


def test_what_may_have_been_done_is_not_tried_again() -> None:
    pim = Recorder(503, {})
    with pytest.raises(PimUnavailable):
        use(pim, lambda client: client.create_webhook({"name": "search"}))

    assert pim.requests == [("POST", "/api/webhooks", {"name": "search"})]


def test_a_webhook_that_is_gone_cannot_be_enabled() -> None:
    with pytest.raises(PimAnswerUnusable, match="nothing at this address"):
        use(Recorder(404, {}), lambda client: client.enable_webhook(WEBHOOK))
