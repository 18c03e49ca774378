"""The webhook as a resource of the REST API: it can be read, and enabled again."""

from collections.abc import Sequence
from typing import Final

import orjson
from starlette.requests import Request

from simulator.hydra import Json, to_collection
from simulator.responses import Answer, to_error_answer, to_json_answer
from simulator.webhooks import WebhookService

WEBHOOK_ID: Final = "1"


def show_webhook(webhooks: WebhookService) -> Json:
    """Return the webhook; what property holds the Authorization value is not known."""
    return {
        "@id": f"/api/webhooks/{WEBHOOK_ID}",
        "@type": "Webhook",
        "id": WEBHOOK_ID,
        "name": "quindex",
        "active": webhooks.policy.enabled,
        "url": webhooks.subscription.url,
        "events": list(webhooks.subscription.events),
    }


async def answer_webhooks(
    request: Request, segments: Sequence[str], webhooks: WebhookService
) -> Answer:
    """Answer GET for the list and the item, and PUT `{"active": true}` for the item."""
    shown = show_webhook(webhooks)
    if not segments:
        if request.method != "GET":
            return to_error_answer(405)
        collection = to_collection(
            "/api/webhooks", "Webhook", [shown], parameters=(), page=1, limit=30, total=1
        )
        return to_json_answer(collection)
    if list(segments) != [WEBHOOK_ID]:
        return to_error_answer(404)
    match request.method:
        case "GET":
            return to_json_answer(shown)
        case "PUT":
            return await _put(request, webhooks)
        case _:
            return to_error_answer(405)


async def _put(request: Request, webhooks: WebhookService) -> Answer:
    try:
        active = orjson.loads(await request.body())["active"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return to_error_answer(422, "active: This value should be true or false.")
    if active is True:
        webhooks.enable()
    elif active is False:
        webhooks.disable()
    return to_json_answer(show_webhook(webhooks))
