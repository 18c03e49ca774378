"""The webhook as a resource of the REST API: it can be read, created, changed, enabled again."""

from collections.abc import Sequence
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError
from starlette.requests import Request

from simulator.hydra import Json, to_collection
from simulator.responses import Answer, to_error_answer, to_json_answer
from simulator.webhooks import WebhookService

WEBHOOK_ID: Final = "1"


class _Change(BaseModel):
    """What may be sent; what is left out stays as it is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    active: StrictBool
    name: str | None = None
    url: str | None = None
    events: tuple[str, ...] | None = None


def show_webhook(webhooks: WebhookService) -> Json:
    """Return the webhook; what property holds the Authorization value is not known."""
    return {
        "@id": f"/api/webhooks/{WEBHOOK_ID}",
        "@type": "Webhook",
        "id": WEBHOOK_ID,
        "name": webhooks.subscription.name,
        "active": webhooks.policy.enabled,
        "url": webhooks.subscription.url,
        "events": list(webhooks.subscription.events),
    }


async def answer_webhooks(
    request: Request, segments: Sequence[str], webhooks: WebhookService
) -> Answer:
    """Answer GET and POST for the list, GET and PUT for the item: there is room for one webhook."""
    if not segments:
        return await _answer_list(request, webhooks)
    if list(segments) != [WEBHOOK_ID] or not webhooks.subscription.url:
        return to_error_answer(404)
    match request.method:
        case "GET":
            return to_json_answer(show_webhook(webhooks))
        case "PUT":
            return await _change(request, webhooks)
        case _:
            return to_error_answer(405)


async def _answer_list(request: Request, webhooks: WebhookService) -> Answer:
    match request.method:
        case "GET":
            return to_json_answer(_list(webhooks))
        case "POST" if webhooks.subscription.url:
            return to_error_answer(422, "name: the simulator has a webhook, and just one.")
        case "POST":
            return await _change(request, webhooks, status=201)
        case _:
            return to_error_answer(405)


def _list(webhooks: WebhookService) -> Json:
    members = [show_webhook(webhooks)] if webhooks.subscription.url else []
    return to_collection(
        "/api/webhooks", "Webhook", members, parameters=(), page=1, limit=30, total=len(members)
    )


async def _change(request: Request, webhooks: WebhookService, *, status: int = 200) -> Answer:
    try:
        change = _Change.model_validate(orjson.loads(await request.body()))
    except (orjson.JSONDecodeError, ValidationError):
        return to_error_answer(422, "active: This value should be true or false.")
    if status != 200 and not (change.url and change.name):  # noqa: PLR2004  # OK
        return to_error_answer(422, "name, url: These values should not be blank.")
    given = change.model_dump(include={"name", "url", "events"}, exclude_none=True)
    webhooks.subscription = webhooks.subscription.model_copy(update=given)
    if change.active:
        webhooks.enable()
    else:
        webhooks.disable()
    return to_json_answer(show_webhook(webhooks), status=status)
