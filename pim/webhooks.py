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
    """
    A subscription; *is_active* is False once Quable has disabled it.

    An empty *name* or *url*, and None, stand for what Quable does not tell, or in another form than
    is known.
    """

    id: str
    name: str
    is_active: bool | None
    url: str
    events: Sequence[str] | None

    def to_payload(self, *, active: bool) -> Mapping[str, object]:
        """Return it whole, as Quable's own client sends it to change one property."""
        assert self.events is not None, "its events would be removed"
        return to_payload(self.name, self.url, self.events, active=active)

    @property
    def untold(self) -> list[str]:
        """What is not known of it: to send the rest back could remove that."""
        known = {"name": self.name, "url": self.url, "events": self.events is not None}
        return [name for name, told in known.items() if not told]

    @property
    def missing_events(self) -> list[str]:
        """What quindex wants to be told of and is not, as far as Quable tells its events."""
        told = set(self.events or ())
        return [event for event in EVENTS if event not in told] if told else []


def to_payload(name: str, url: str, events: Sequence[str], *, active: bool) -> Mapping[str, object]:
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
        name=_to_text(raw.get("name")),
        is_active=active if isinstance(active, bool) else None,
        url=_to_text(raw.get("url")),
        events=_to_events(events),
    )


def _to_text(told: object) -> str:
    return told if isinstance(told, str) else ""


def _to_events(told: object) -> Sequence[str] | None:
    if not isinstance(told, list):
        return None
    names = tuple(each for each in told if isinstance(each, str))
    return names if len(names) == len(told) else None
