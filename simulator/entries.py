"""What became of each notification, and of all calls."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.notifications import Notification


class State(StrEnum):
    """What became of a notification."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    GIVEN_UP = "given_up"  # after its last attempt
    LOST = "lost"  # the webhook was disabled, or nobody has subscribed
    DROPPED = "dropped"  # on request


@dataclass(slots=True)
class Entry:
    """
    A notification without its body, and what became of it; the first *accepted_s* is kept.

    There may be millions of them: only a call that is still to be made has a body.
    """

    notification: Notification
    published_s: float
    state: State = State.PENDING
    attempts: int = 0
    accepted_s: float | None = None
    last_failure: str | None = None


@dataclass(slots=True)
class Calls:
    """Attempts and how they ended."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    in_flight_peak: int = 0
    answers: Counter[str] = field(default_factory=Counter)  # statuses, and names of errors
