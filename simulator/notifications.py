"""The body of a webhook call, after Quable's page on notifications."""

from dataclasses import dataclass
from urllib.parse import quote
from uuid import uuid4

from simulator.answers import to_date
from simulator.behaviour import Addresses, Behaviour
from simulator.events import LINK, PROCESS, VALUE, Event
from simulator.hydra import Json, to_iri

_INSTANCE = "https://simulator.quable.com"
_COLLECTIONS = {
    "document": "documents",
    "variant": "variants",
    "media": "assets",
    "classification": "classifications",
    LINK: "links",
    VALUE: "predefined-values",
    PROCESS: "processes",
}


@dataclass(frozen=True, slots=True)
class Process:
    """An import or a bulk edit; a lone edit has a correlation id only."""

    correlation_id: str
    id: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """One webhook call to be made: the same uuid and body at every attempt."""

    uuid: str
    event: str
    type: str
    resource: str
    body: Json


def lone_edit() -> Process:
    """Return the process of an edit that belongs to no import or bulk edit."""
    return Process(correlation_id=uuid4().hex.upper())


def new_process(type_: str, id_: str | None = None) -> Process:
    """Return an `import` or `bulk_edit`: a new one, or the one of *id_*, which goes on."""
    return Process(correlation_id=uuid4().hex.upper(), id=id_ or str(uuid4()), type=type_)


def to_notification(
    event: Event, *, at_s: float, user: str, process: Process, behaviour: Behaviour
) -> Notification:
    """Return the notification of an event."""
    uuid = str(uuid4())
    body: Json = {
        "uuid": uuid,
        "code": event.code,
        "links": [{"rel": "self", "href": f"/events/{uuid}"}],
        "created_at": to_date(at_s),
        "created_by": user,
        "resource": _show_resource(event, behaviour.addresses),
    }
    if behaviour.process_in_notifications:
        known = process
        if event.cascaded and not behaviour.process_in_cascades:
            known = Process(process.correlation_id)
        body["process"] = _show_process(known)
    return Notification(uuid, event.code, event.type, event.resource, body)


def to_call(body: Json) -> Notification:
    """Return a notification with any body at all; `uuid` is added if it has none."""
    uuid = str(body.get("uuid") or uuid4())
    return Notification(uuid, str(body.get("code")), "", "", {"uuid": uuid, **body})


def _show_resource(event: Event, addresses: Addresses) -> Json:
    resource: Json = {"code": event.resource, "type": event.type}
    if event.document_type is not None:
        resource["document_type_code"] = event.document_type
    collection = _COLLECTIONS[event.type]
    path = (
        f"/api_1.php/{collection}/{quote(event.resource, safe='=;')}"
        if addresses is Addresses.V4
        else to_iri(collection, event.resource)
    )
    resource["links"] = [{"rel": "self", "href": f"{_INSTANCE}{path}"}]
    if event.locales is not None:
        resource["locales"] = {
            "updated": list(event.locales.updated),
            "inherited": list(event.locales.inherited),
        }
    if event.items:
        resource["updated_items"] = [{"type": type_, "code": code} for type_, code in event.items]
    return resource


def _show_process(process: Process) -> Json:
    shown: Json = {} if process.type is None else {"type": process.type, "id": process.id}
    return {**shown, "correlationId": process.correlation_id}
