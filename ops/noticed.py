"""Notifications as they come: which are wanted, and how each looks on one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.seen import Seen
from ops.spoken import to_clock
from ops.terminal import show
from pim.kinds import Kind
from pim.notifications import Notification, parse_notification
from runtime.errors import MalformedNotification
from topics.notifications import Source, to_not_before_s, to_source


@dataclass(frozen=True, slots=True)
class Noticed:
    """A record of `notifications`; *notification* is None where its body is none, with *error*."""

    partition: int
    offset: int
    at_s: float
    source: Source
    key: str
    notification: Notification | None
    not_before_s: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which notifications are wanted; an empty set means: any."""

    codes: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    events: frozenset[str] = frozenset()
    locales: frozenset[str] = frozenset()
    sources: frozenset[Source] = frozenset()

    def picks(self, noticed: Noticed) -> bool:
        """Whether a notification is wanted; one that cannot be read only where nothing is asked."""
        if self.sources and noticed.source not in self.sources:
            return False
        if self.codes and noticed.key not in self.codes:
            return False
        each = noticed.notification
        if each is None:
            return not (self.kinds or self.events or self.locales)
        return (
            (not self.kinds or each.kind in self.kinds)
            and (not self.events or each.event in self.events)
            and (not self.locales or bool(each.locales & self.locales))
        )


def to_noticed(seen: Seen) -> Noticed:
    """Return a record as it is shown."""
    notification, error = None, ""
    try:
        notification = parse_notification(seen.value or b"")
    except MalformedNotification as malformed:
        error = str(malformed)
    key = (seen.key or b"").decode("utf-8", "replace")
    return Noticed(
        partition=seen.partition,
        offset=seen.offset,
        at_s=seen.appended_s,
        source=to_source(seen.headers),
        key=key if notification is None or not notification.code else notification.code,
        notification=notification,
        not_before_s=to_not_before_s(seen.headers),
        error=error,
    )


def to_line(noticed: Noticed, now_s: float) -> str:
    """Return one line for a terminal."""
    where = f"[{noticed.partition}/{noticed.offset}]"
    clock, each = to_clock(noticed.at_s, now_s), noticed.notification
    if each is None:
        return f"{clock}  {noticed.source.value:<8} {'unreadable':<22} {show(noticed.key)}: {show(noticed.error)}  {where}"
    kind = f"{each.kind.value}:" if each.kind else ""
    said = [f"{clock}  {noticed.source.value:<8} {show(each.event):<22} {kind}{show(each.code)}"]
    if each.locales_updated:
        said.append(f"in {_join(each.locales_updated)}")
    if each.locales_inherited:
        said.append(f"inherited by {_join(each.locales_inherited)}")
    if each.process_id:
        said.append(f"{show(each.process_type or 'process')} {show(each.process_id)}")
    if noticed.not_before_s is not None:
        said.append(f"not before {to_clock(noticed.not_before_s, now_s)}")
    return "  ".join([*said, where])


def to_object(noticed: Noticed) -> Mapping[str, Any]:
    """Return the same for programs."""
    each = noticed.notification
    return {
        "at": noticed.at_s,
        "partition": noticed.partition,
        "offset": noticed.offset,
        "source": noticed.source.value,
        "code": noticed.key,
        "event": each.event if each else None,
        "kind": each.kind.value if each and each.kind else None,
        "uuid": each.uuid if each else None,
        "updated": sorted(each.locales_updated) if each else [],
        "inherited": sorted(each.locales_inherited) if each else [],
        "process": each.process_id if each else None,
        "not_before": noticed.not_before_s,
        "error": noticed.error or None,
    }


def _join(names: frozenset[str]) -> str:
    return ",".join(show(name) for name in sorted(names))
