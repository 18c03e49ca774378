"""Webhook subscriptions, as Quable's API has them; their Authorization value is no part of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pim.answers import to_code
from runtime.errors import PimAnswerUnusable

EVENTS: Final = (
    *(
        f"{name}.{change}"
        for name in ("document", "variant", "media", "classification")
        for change in ("create", "update", "delete")
    ),
    "import.finish",
    "bulk_edit.finish",
)
"""What quindex wants to be told of."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription; *is_active* is False once Quable has disabled it. *events* empty: not told."""

    id: str
    name: str
    is_active: bool | None
    url: str
    events: Sequence[str]

    def to_payload(self, *, active: bool) -> Mapping[str, object]:
        """Return it whole, as Quable's own client sends it to change one property."""
        return to_payload(self.name, self.url, self.events, active=active)

    @property
    def missing_events(self) -> list[str]:
        """What quindex wants to be told of and is not, as far as Quable tells its events."""
        told = set(self.events)
        return [event for event in EVENTS if event not in told] if told else []


def to_payload(
    name: str, url: str, events: Sequence[str], *, active: bool = True
) -> Mapping[str, object]:
    """Return a subscription as it is sent."""
    return {"name": name, "active": active, "url": url, "events": list(events)}


def parse_webhook(decoded: object) -> Webhook:
    """
    Read a subscription.

    Raises:
        PimAnswerUnusable: it is none.
    """
    id_ = to_code(decoded)
    if id_ is None or not isinstance(decoded, Mapping):
        raise PimAnswerUnusable("the PIM answered with something that is no webhook")
    raw: Mapping[str, Any] = decoded
    active, events = raw.get("active"), raw.get("events")
    return Webhook(
        id=id_,
        name=str(raw.get("name") or ""),
        is_active=active if isinstance(active, bool) else None,
        url=str(raw.get("url") or ""),
        events=tuple(map(str, events)) if isinstance(events, list) else (),
    )
