"""Records of `notifications`: webhook bodies as received, and synthetic notifications of ours."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import uuid4

import orjson

from pim.kinds import Kind
from runtime.errors import MalformedNotification

HEADER_SOURCE: Final = "source"
HEADER_RECEIVED: Final = "received_at"
HEADER_NOT_BEFORE: Final = "not_before"


MARK_CODE: Final = "quindex.mark"
"""Stands where a resource code would, so that all marks lie in one partition."""


class Source(StrEnum):
    """Who appended a notification."""

    WEBHOOK = "webhook"
    CASCADE = "cascade"
    TRIGGER = "trigger"
    REPLAY = "replay"
    MARKER = "marker"
    MARK = "mark"


_EVENT_NAMES: Final = {
    Kind.DOCUMENT: "document",
    Kind.VARIANT: "variant",
    Kind.ASSET: "media",
    Kind.CLASSIFICATION: "classification",
}


def to_key_bytes(code: str) -> bytes:
    """Return the key of a notification: the resource code, UTF-8."""
    return code.encode("utf-8", "surrogatepass")


def to_headers(
    source: Source, *, now_s: float, not_before_s: float | None = None
) -> Mapping[str, bytes]:
    """Return the headers of a notification; times are unix seconds."""
    headers = {HEADER_SOURCE: source.value.encode(), HEADER_RECEIVED: f"{now_s:.3f}".encode()}
    if not_before_s is not None:
        headers[HEADER_NOT_BEFORE] = f"{not_before_s:.3f}".encode()
    return headers


def to_synthetic(
    kind: Kind,
    code: str,
    *,
    now_s: float,
    reason: str,
    process: str | None = None,
    delete: bool = False,
    created: bool = False,
) -> bytes:
    """
    Return a notification of ours that asks to look at a resource again.

    *reason* stands where Quable names the user; with *process* it goes through the process lane.
    *delete* says that the resource is known to be gone: should the PIM not have it, nothing more
    is asked; *created*, that it is new.
    """
    event = "delete" if delete else "create" if created else "update"
    body: dict[str, object] = {
        "schema": 1,
        "uuid": str(uuid4()),
        "code": f"{_EVENT_NAMES[kind]}.{event}",
        "links": [],
        "created_at": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds"),
        "created_by": f"quindex: {reason}",
        "resource": {"code": code, "type": kind.value, "links": []},
    }
    if process is not None:
        body["process"] = {"id": process, "type": "bulk_edit", "correlationId": process}
    return orjson.dumps(body)


def to_mark(*, since_s: float, now_s: float) -> bytes:
    """Return a notification of ours: those received since *since_s*, unix seconds, may be lost."""
    return orjson.dumps(
        {
            "schema": 1,
            "uuid": str(uuid4()),
            "code": "quindex.mark",
            "created_at": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds"),
            "created_by": "quindex: ingress",
            "resource": {"code": MARK_CODE, "type": "mark"},
            "since": since_s,
        }
    )


def to_marker(*, now_s: float) -> bytes:
    """Return a notification of ours that only moves the end of its partition."""
    return orjson.dumps(
        {
            "schema": 1,
            "uuid": str(uuid4()),
            "code": "quindex.marker",
            "created_at": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds"),
            "created_by": "quindex: scan",
            "resource": {"code": "quindex.marker", "type": "marker"},
        }
    )


def parse_since_s(mark: bytes) -> float:
    """
    Return the moment that a mark names, unix seconds.

    Raises:
        MalformedNotification: it names none.
    """
    try:
        return float(orjson.loads(mark)["since"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise MalformedNotification(f"not a mark: {error!r}") from error


def to_source(headers: Mapping[str, bytes]) -> Source:
    """Return who appended a record; one without a header that is known came by webhook."""
    try:
        # Kafka allows a header to be null, whatever the types say.
        return Source((headers.get(HEADER_SOURCE) or b"").decode("ascii", "replace"))
    except ValueError:
        return Source.WEBHOOK


def to_received_s(headers: Mapping[str, bytes], *, appended_s: float) -> float:
    """Return when a notification was received, unix seconds; *appended_s* if it does not say so."""
    try:
        moment_s = float(headers.get(HEADER_RECEIVED) or b"")
    except ValueError:
        return appended_s
    return moment_s if math.isfinite(moment_s) else appended_s


def to_not_before_s(headers: Mapping[str, bytes]) -> float | None:
    """Return the moment before which the notification must wait, unix seconds."""
    try:
        moment_s = float(headers.get(HEADER_NOT_BEFORE) or b"")
    except ValueError:
        return None
    return moment_s if math.isfinite(moment_s) else None
