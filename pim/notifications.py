"""
Quable's notification, as every version of its documentation writes it.

Parsing is lenient: unknown keys are ignored, `locales` and `updated_items` may stand inside
`resource` or beside it, `process` may be missing, and of the addresses none is ever used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pim.kinds import Kind, to_kind
from runtime.errors import MalformedNotification

CODE_MAX_CHARS: Final = 4_000
"""A Kafka key and a search document's fields hold it; Quable's own codes are far shorter."""
ID_MAX_CHARS: Final = 200
"""Of a uuid or the id of a process; what is longer is cut, since neither is ever asked for."""
LOCALES_MAX: Final = 1_000
LOCALE_MAX_CHARS: Final = 35
"""What is more, or longer, is no locale and left out: locales are a hint."""


class Meaning(StrEnum):
    """What an event asks of us."""

    RESOURCE = "resource"
    """A resource changed: it is fetched."""
    ANNOUNCED_ELSEWHERE = "announced_elsewhere"
    """Quable announces the documents that it touches by themselves."""
    PROCESS_END = "process_end"
    """An import or a bulk edit is over: whatever waits for it need wait no longer."""
    IGNORED = "ignored"
    """Nothing in the index depends on it."""
    MARKER = "marker"
    """One of ours: the start of a scan. It moves the end offset of its partition, nothing else."""
    MARK = "mark"
    """One of ours: notifications since a moment may be lost."""


_CHANGES: Final = ("create", "update", "delete")
_MEANINGS: Final = {
    **{
        f"{name}.{change}": Meaning.RESOURCE
        for name in ("document", "variant", "media", "classification")
        for change in _CHANGES
    },
    **{
        f"{name}.{change}": Meaning.ANNOUNCED_ELSEWHERE
        for name in ("link", "value")
        for change in _CHANGES
    },
    "import.finish": Meaning.PROCESS_END,
    "bulk_edit.finish": Meaning.PROCESS_END,
    "export.finish": Meaning.IGNORED,
    "quindex.marker": Meaning.MARKER,
    "quindex.mark": Meaning.MARK,
}


@dataclass(frozen=True, slots=True)
class Notification:
    """A webhook call: this resource changed. Identity and action, never content."""

    uuid: str
    event: str
    meaning: Meaning
    code: str  # empty where an event other than a resource's names none
    kind: Kind | None  # None unless *meaning* is RESOURCE
    created_s: float | None  # to the second; None where it cannot be read
    locales_updated: frozenset[str]
    locales_inherited: frozenset[str]
    process_type: str | None
    process_id: str | None

    @property
    def key(self) -> str:
        """kind:code; only for a notification that names a resource."""
        assert self.kind is not None
        return f"{self.kind.value}:{self.code}"

    @property
    def is_delete(self) -> bool:
        """Whether the resource is said to be gone."""
        return self.event.endswith(".delete")

    @property
    def is_create(self) -> bool:
        """Whether the resource is said to be new."""
        return self.event.endswith(".create")

    @property
    def locales(self) -> frozenset[str]:
        """All locales whose values may have changed."""
        return self.locales_updated | self.locales_inherited


def _to_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _to_names(value: object) -> object:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, Mapping):  # PHP writes a list with gaps as an object
        value = list(value.values())
    if isinstance(value, list):
        names = (name for name in value if isinstance(name, str))
        return tuple(name for name in names if 0 < len(name) <= LOCALE_MAX_CHARS)[:LOCALES_MAX]
    return ()


def _to_code(value: object) -> object:
    text = _to_text(value)
    return text if isinstance(text, str) else ""


Text = Annotated[str, BeforeValidator(_to_text)]
Names = Annotated[tuple[str, ...], BeforeValidator(_to_names)]


def _to_object(value: object) -> object:
    return value if isinstance(value, Mapping) else {}


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Locales(_Lenient):
    updated: Names = ()
    inherited: Names = ()


class _Process(_Lenient):
    id: Any = None
    type: Any = None


class _Resource(_Lenient):
    code: Annotated[str, BeforeValidator(_to_code)] = ""
    locales: Annotated[_Locales, BeforeValidator(_to_object)] = _Locales()


class _Body(_Lenient):
    uuid: Text
    code: Annotated[Text, Field(min_length=1)]
    created_at: Any = None
    resource: Annotated[_Resource, BeforeValidator(_to_object)] = _Resource()
    locales: Annotated[_Locales, BeforeValidator(_to_object)] = _Locales()
    process: Annotated[_Process, BeforeValidator(_to_object)] = _Process()


def parse_notification(body: bytes) -> Notification:
    """
    Read the body of a webhook call.

    Raises:
        MalformedNotification: it is not JSON, lacks what identifies a resource, or is of an event
            that nobody knows; *reason* is `not_json`, `malformed_notification` or `unknown_event`.
    """
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedNotification(f"the body is not JSON: {error}", reason="not_json") from error
    try:
        parsed = _Body.model_validate(decoded)
    except ValidationError as error:
        raise MalformedNotification(_to_message(error)) from error
    meaning = _parse_meaning(parsed.code)
    kind = None
    if meaning is Meaning.RESOURCE:
        kind = _to_resource_kind(parsed)
        if not 0 < len(parsed.resource.code) <= CODE_MAX_CHARS:
            raise MalformedNotification(
                f"not a notification: resource.code has {len(parsed.resource.code)} characters, "
                f"not 1 to {CODE_MAX_CHARS}"
            )
    inside, beside = parsed.resource.locales, parsed.locales
    return Notification(
        uuid=parsed.uuid[:ID_MAX_CHARS],
        event=parsed.code,
        meaning=meaning,
        code=parsed.resource.code[:CODE_MAX_CHARS],
        kind=kind,
        created_s=_to_seconds(parsed.created_at),
        locales_updated=frozenset(inside.updated + beside.updated),
        locales_inherited=frozenset(inside.inherited + beside.inherited),
        process_type=_to_optional_text(parsed.process.type),
        process_id=_to_optional_text(parsed.process.id),
    )


def parse_code(body: bytes) -> str:
    """
    Return the code that `parse_notification` finds, by the same judgement, at a tenth of its cost.

    Raises:
        MalformedNotification: as `parse_notification` does.
    """
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    if isinstance(decoded, dict) and isinstance(decoded.get("uuid"), str):
        event, resource = decoded.get("code"), decoded.get("resource")
        if isinstance(event, str) and _MEANINGS.get(event) is Meaning.RESOURCE:
            code = resource.get("code") if isinstance(resource, dict) else None
            if isinstance(code, str) and 0 < len(code) <= CODE_MAX_CHARS:
                return code
    return parse_notification(body).code  # unusual, or none


def _parse_meaning(event: str) -> Meaning:
    meaning = Meaning.IGNORED if event.startswith("user.") else _MEANINGS.get(event)
    if meaning is None:
        raise MalformedNotification(f"no event is called {event[:100]!r}", reason="unknown_event")
    return meaning


def _to_resource_kind(body: _Body) -> Kind:
    # The event's name decides: resource.type is documented by its labels only.
    kind = to_kind(body.code.partition(".")[0])
    assert kind is not None
    return kind


def _to_optional_text(value: object) -> str | None:
    text = _to_text(value)
    return text[:ID_MAX_CHARS] if isinstance(text, str) and text else None


def _to_seconds(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _to_message(error: ValidationError) -> str:
    details = [
        f"{'.'.join(str(part) for part in detail['loc']) or 'body'}: {detail['msg']}"
        for detail in error.errors(include_input=False, include_url=False)
    ]
    return "not a notification: " + "; ".join(details)
