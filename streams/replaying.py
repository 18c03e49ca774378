"""Which notifications of a time span are appended again, without I/O."""

from dataclasses import dataclass, field
from typing import Final

from pim.notifications import Meaning, Notification, parse_notification
from runtime.errors import MalformedNotification
from streams.kept import Kept, Said

HELD_MAX_BYTES: Final = 128 * 1024 * 1024
"""Of the notifications that a replay holds in memory; beyond, they are appended before it reads on."""
_OVERHEAD_BYTES: Final = 500
"""What one takes in memory, beside its key and value."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which notifications are meant; an empty set means: any."""

    until_s: float  # unix seconds
    codes: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()

    def pick(self, value: bytes | None, *, appended_s: float) -> Notification | None:
        """Return the notification, if it is meant."""
        if appended_s > self.until_s:
            return None
        try:
            notification = parse_notification(value or b"")
        except MalformedNotification:
            return None  # it is a dead letter already
        if notification.meaning is not Meaning.RESOURCE:
            return None
        if self.codes and notification.code not in self.codes:
            return None
        if self.events and notification.event not in self.events:
            return None
        return notification


@dataclass(frozen=True, slots=True)
class Repeat:
    """A record of `notifications`, as it lies there."""

    key: bytes | None
    value: bytes

    @property
    def held_bytes(self) -> int:
        """How much memory it takes, about."""
        return len(self.key or b"") + len(self.value) + _OVERHEAD_BYTES


@dataclass(slots=True)
class _Held:
    newest: Repeat
    said: Said  # by the newest
    kept: Kept[Repeat] = field(default_factory=Kept)


class Replay:
    """
    What stands for all notifications of each resource: the newest, and what alone says that the
    resource is new or gone.

    Full with *held_max_bytes*: then it must be emptied. A resource that comes again after that is
    held again.
    """

    def __init__(self, *, held_max_bytes: int = HELD_MAX_BYTES) -> None:
        self._held_max_bytes = held_max_bytes
        self._held: dict[str, _Held] = {}  # by the resource's key
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether it must be emptied before more is added."""
        return self._bytes >= self._held_max_bytes

    def add(self, notification: Notification, repeat: Repeat, *, is_ours: bool) -> None:
        """Hold a notification; what it supersedes is held no longer."""
        said = Said(notification.is_create, notification.is_delete, is_ours)
        self._bytes += repeat.held_bytes
        held = self._held.get(notification.key)
        if held is None:
            self._held[notification.key] = _Held(repeat, said)
            return
        for superseded in held.kept.supersede(held.newest, held.said, said):
            self._bytes -= superseded.held_bytes
        held.newest, held.said = repeat, said

    def pop_all(self) -> list[list[Repeat]]:
        """Remove and return what is held: the records of each resource, oldest first."""
        popped = [[*held.kept.receipts, held.newest] for held in self._held.values()]
        self._held.clear()
        self._bytes = 0
        return popped
