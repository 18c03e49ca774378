"""How things stand, and switches: what the other methods and paths below `/control/` do."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import StreamingResponse

from pim.kinds import Kind
from simulator.behaviour import Behaviour
from simulator.control_bodies import QuotaBody
from simulator.control_changes import read_body
from simulator.entries import Entry
from simulator.faults import Fault, FaultKind
from simulator.hydra import Json
from simulator.instance import NotThere
from simulator.simulation import Simulation
from simulator.subscription import Subscription, WebhookOptions

NDJSON: Final = "application/x-ndjson"

_PART: Final = 200  # lines; in between, webhook calls and API answers go on


async def get_idle(simulation: Simulation, _: Request) -> Json:
    """Tell whether a webhook call is pending."""
    webhooks = simulation.webhooks
    return {
        "idle": webhooks.idle,
        "waiting": webhooks.waiting,
        "in_flight": webhooks.in_flight,
        "at_s": simulation.instance.clock(),
    }


async def get_catalog(simulation: Simulation, request: Request) -> StreamingResponse:
    """
    Stream every resource as the API would answer it now, one `{kind, id, resource}` per line.

    Each line is true when it is written: webhook calls and edits go on in between. `complete=1`
    does not cut the lists of links and variants.
    """
    instance = simulation.instance
    complete = request.query_params.get("complete") in {"1", "true"}
    kinds = [Kind(kind) for kind in request.query_params.getlist("kind")] or list(Kind)
    keys = [(kind, code) for kind in kinds for code in instance.catalog.codes(kind)]

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(keys), _PART):
            found = (instance.catalog.find(*key) for key in keys[start : start + _PART])
            yield b"".join(
                _to_line(
                    {
                        "kind": resource.kind,
                        "id": resource.code,
                        "resource": instance.show(resource, complete=complete),
                    }
                )
                for resource in found
                if resource is not None
            )
            await asyncio.sleep(0)

    return StreamingResponse(parts(), media_type=NDJSON)


async def get_webhook(simulation: Simulation, request: Request) -> Json:
    """Tell what became of the notifications; `uuids=0` leaves out the accepted ones."""
    webhooks = simulation.webhooks
    shown: Json = {
        "enabled": webhooks.policy.enabled,
        "failures_in_a_row": webhooks.policy.failures_in_a_row,
        "waiting": webhooks.waiting,
        "in_flight": webhooks.in_flight,
        "notifications": Counter(entry.state.value for entry in webhooks.entries.values()),
        "calls": {
            "total": webhooks.calls.total,
            "succeeded": webhooks.calls.succeeded,
            "failed": webhooks.calls.failed,
            "in_flight_peak": webhooks.calls.in_flight_peak,
            "answers": webhooks.calls.answers,
        },
        "options": webhooks.options.model_dump(mode="json"),
    }
    if request.query_params.get("uuids") not in {"0", "false"}:
        shown["accepted"] = webhooks.accepted()
    return shown


async def get_notifications(simulation: Simulation, request: Request) -> StreamingResponse:
    """Stream the notifications, oldest first, one per line; `state=` chooses among them."""
    states = set(request.query_params.getlist("state"))
    entries = [
        entry
        for entry in simulation.webhooks.entries.values()
        if not states or entry.state.value in states
    ]
    return StreamingResponse(_lines(entries), media_type=NDJSON)


async def enable_webhook(simulation: Simulation, _: Request) -> Json:
    """Enable the webhook again."""
    simulation.webhooks.enable()
    return {"enabled": True}


async def disable_webhook(simulation: Simulation, _: Request) -> Json:
    """Disable the webhook."""
    simulation.webhooks.disable()
    return {"enabled": False}


async def get_subscription(simulation: Simulation, _: Request) -> Json:
    """Show the subscription."""
    return simulation.webhooks.subscription.model_dump()


async def put_subscription(simulation: Simulation, request: Request) -> Json:
    """Change fields of the subscription."""
    changed = await _changed(simulation.webhooks.subscription.model_dump(), request)
    simulation.webhooks.subscription = Subscription.model_validate(changed)
    return simulation.webhooks.subscription.model_dump()


async def get_options(simulation: Simulation, _: Request) -> Json:
    """Show how webhook calls are made."""
    return simulation.webhooks.options.model_dump(mode="json")


async def put_options(simulation: Simulation, request: Request) -> Json:
    """Change how webhook calls are made: time scale, in flight, counting of failures, drops."""
    changed = await _changed(simulation.webhooks.options.model_dump(), request)
    simulation.webhooks.configure(WebhookOptions.model_validate(changed))
    return simulation.webhooks.options.model_dump(mode="json")


async def get_behaviour(simulation: Simulation, _: Request) -> Json:
    """Show which readings of the documentation apply."""
    return simulation.instance.behaviour.model_dump(mode="json")


async def put_behaviour(simulation: Simulation, request: Request) -> Json:
    """Change which readings of the documentation apply."""
    changed = await _changed(simulation.instance.behaviour.model_dump(), request)
    simulation.instance.behaviour = Behaviour.model_validate(changed)
    return simulation.instance.behaviour.model_dump(mode="json")


async def get_faults(simulation: Simulation, _: Request) -> Json:
    """Show the faults that are on, and how many requests each has hit."""
    return {
        kind.value: {**fault.model_dump(), "hits": hits}
        for kind, fault, hits in simulation.faults.on()
    }


async def put_fault(simulation: Simulation, request: Request) -> Json:
    """Switch a fault on."""
    fault = await read_body(Fault, request)
    simulation.faults.set(FaultKind(request.path_params["fault"]), fault)
    simulation.faults_changed()
    return await get_faults(simulation, request)


async def delete_faults(simulation: Simulation, request: Request) -> Json:
    """Switch one fault off, or all."""
    name = request.path_params.get("fault")
    simulation.faults.clear(FaultKind(name) if name else None)
    simulation.faults_changed()
    return await get_faults(simulation, request)


async def get_quota(simulation: Simulation, _: Request) -> Json:
    """Show the quota and how much of each window is used."""
    quota = simulation.rest.quota
    used = quota.used(simulation.instance.clock())
    return {
        "windows": [
            {"requests_max": window.requests_max, "window_s": window.window_s, "used": count}
            for window, count in zip(quota.windows, used, strict=True)
        ],
        "refused_count": quota.refused_count,
        "retry_after": quota.retry_after,
        "html": quota.html,
    }


async def put_quota(simulation: Simulation, request: Request) -> Json:
    """Set the quota; the windows start empty."""
    simulation.rest.quota = (await read_body(QuotaBody, request)).to_quota()
    return await get_quota(simulation, request)


async def get_requests(simulation: Simulation, request: Request) -> Json:
    """
    Tell how many requests came, to which endpoints, and the peak of each sliding window.

    `resources=1` adds how often each single resource was asked for, by its path.
    """
    ledger = simulation.ledger
    wants_resources = request.query_params.get("resources") in {"1", "true"}
    shown: Json = {"resources": ledger.resources} if wants_resources else {}
    return shown | {
        "total": ledger.total,
        "endpoints": ledger.endpoints,
        "statuses": {str(status): count for status, count in ledger.statuses.items()},
        "peaks": {f"{window_s:g}": count for window_s, count in ledger.peaks().items()},
    }


async def delete_requests(simulation: Simulation, request: Request) -> Json:
    """Start counting requests anew."""
    simulation.ledger.reset()
    return await get_requests(simulation, request)


async def get_resource(simulation: Simulation, request: Request) -> Json:
    """Show one resource as the API would answer it now, by `kind` and `id` of the query."""
    kind, code = Kind(request.query_params["kind"]), request.query_params["id"]
    resource = simulation.instance.catalog.find(kind, code)
    if resource is None:
        raise NotThere(f"no such {kind}: {code!r}")
    complete = request.query_params.get("complete") in {"1", "true"}
    return simulation.instance.show(resource, complete=complete)


async def _changed(known: Json, request: Request) -> Json:
    changes = orjson.loads(await request.body() or b"{}")
    return {**known, **changes} if isinstance(changes, dict) else changes


def _lines(entries: list[Entry]) -> Iterator[bytes]:
    for entry in entries:
        notification = entry.notification
        shown: Json = {
            "uuid": notification.uuid,
            "event": notification.event,
            "type": notification.type,
            "code": notification.resource,
            "state": entry.state.value,
            "attempts": entry.attempts,
            "published_s": entry.published_s,
            "accepted_s": entry.accepted_s,
            "last_failure": entry.last_failure,
        }
        yield _to_line(shown)


def _to_line(content: Json) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
