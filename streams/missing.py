"""
What a 404 means: an event is a hint, the fetch decides. Without I/O.

A resource that its newest notification calls deleted is gone at once. Any other 404 may be a PIM
that lies: it is looked at again after a while, and counts only if a live resource of the same kind
is found just after it, and this one is still denied after that.
"""

from enum import StrEnum
from typing import Final

from runtime.doubling import to_doubled_s

LOOK_AGAIN_S: Final = 30.0
DENIED_PAUSE_MAX_S: Final = 900.0
"""Between two looks at one resource while the PIM denies everything: its quota is for others."""


class MissingVerdict(StrEnum):
    """What to do with a resource that the PIM does not have."""

    DELETED = "deleted"
    LOOK_AGAIN = "look_again"
    CONFIRM = "confirm"
    """Deleted, if a live resource of the same kind answers now."""
    PARK = "park"
    """Too many of these lately: a person decides."""


def to_pause_s(attempts: int) -> float:
    """Return how long a resource waits, of which *attempts* were denied with everything else."""
    return to_doubled_s(LOOK_AGAIN_S, attempts - 1, max_s=DENIED_PAUSE_MAX_S)


def judge_missing(
    *, announced: bool, missing_since_s: float | None, now_s: float
) -> MissingVerdict:
    """Return what a 404 means; *missing_since_s* is when the first one came, if there was one."""
    if announced:
        return MissingVerdict.DELETED
    if missing_since_s is None or now_s - missing_since_s < LOOK_AGAIN_S:
        return MissingVerdict.LOOK_AGAIN
    return MissingVerdict.CONFIRM
