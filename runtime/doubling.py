"""Pauses that double. Without I/O."""

from typing import Final

_DOUBLINGS_MAX: Final = 16
"""Beyond it a power of two outgrows what a float holds, sooner or later."""


def to_doubled_s(first_s: float, doublings: int, *, max_s: float) -> float:
    """Return *first_s*, doubled so often, and *max_s* at most; none below 0 count."""
    return min(max_s, first_s * 2.0 ** min(_DOUBLINGS_MAX, max(0, doublings)))
