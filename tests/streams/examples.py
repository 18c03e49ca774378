"""Notifications and records as the stages get them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pim.notifications import Notification, parse_notification
from topics.due import DueRecord, Lane
from topics.notifications import Source, to_headers, to_key_bytes
from topics.partitions import to_partition
from topics.records import Received


def to_body(
    code: str = "a",
    *,
    event: str = "document.update",
    uuid: str = "u",
    process: str | None = None,
    updated: tuple[str, ...] = (),
    inherited: tuple[str, ...] = (),
    created_at: str | None = None,
) -> bytes:
    """Return a webhook body."""
    body: dict[str, Any] = {
        "uuid": uuid,
        "code": event,
        "created_at": created_at,
        "resource": {"code": code, "locales": {"updated": updated, "inherited": inherited}},
    }
    if process is not None:
        body["process"] = {"id": process, "type": "import"}
    return orjson.dumps(body)


def changed(
    code: str = "a",
    *,
    event: str = "document.update",
    uuid: str = "u",
    process: str | None = None,
    updated: tuple[str, ...] = (),
    inherited: tuple[str, ...] = (),
) -> Notification:
    """Return a notification."""
    return parse_notification(
        to_body(code, event=event, uuid=uuid, process=process, updated=updated, inherited=inherited)
    )


def to_due_record(code: str = "a", *, offset: int = 0, **fields: Any) -> DueRecord:
    """Return a due record of a document whose notification lies where it belongs."""
    given: dict[str, Any] = {
        "kind": "document",
        "code": code,
        "lane": Lane.LIVE,
        "partition": to_partition(to_key_bytes(code), 12),
        "offset": offset,
        "notified_s": 0.0,
        "newest_s": 0.0,
    }
    return DueRecord.model_validate(given | fields)


@dataclass
class Inbox:
    """Hands out records of one topic, and notes which are acknowledged, in order."""

    topic: str = "t.notifications"
    acknowledged: list[int] = field(default_factory=list)
    next_offset: int = 0

    def receive(
        self,
        value: bytes | None,
        *,
        key: bytes | None = b"a",
        partition: int = 0,
        appended_s: float = 0.0,
        headers: Mapping[str, bytes] | None = None,
    ) -> Received:
        """Return the next record; offsets count up over all partitions."""
        offset = self.next_offset
        self.next_offset += 1
        return Received(
            topic=self.topic,
            partition=partition,
            offset=offset,
            key=key,
            value=value,
            appended_s=appended_s,
            acknowledge=lambda: self.acknowledged.append(offset),
            headers=to_headers(Source.WEBHOOK, now_s=appended_s) if headers is None else headers,
        )
