"""Moments, spans and numbers as a person says them."""

from datetime import UTC, datetime
from typing import Final

_MINUTES_FROM_S: Final = 120.0
_HOURS_FROM_S: Final = 7_200.0
_DAYS_FROM_S: Final = 172_800.0
_EXACT_BELOW_S: Final = 10.0


def to_span(seconds: float) -> str:
    """Return a length of time: 0.4 s, 42 s, 12 min, 5 h, 3 days."""
    seconds = max(0.0, seconds)
    if seconds < _EXACT_BELOW_S:
        return f"{seconds:.1f} s"
    if seconds < _MINUTES_FROM_S:
        return f"{seconds:.0f} s"
    if seconds < _HOURS_FROM_S:
        return f"{seconds / 60:.0f} min"
    if seconds < _DAYS_FROM_S:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def to_clock(moment_s: float, now_s: float) -> str:
    """Return a moment in UTC: the time alone if it is of the same day as *now_s*."""
    moment = datetime.fromtimestamp(moment_s, UTC)
    is_today = moment.date() == datetime.fromtimestamp(now_s, UTC).date()
    return f"{moment:%H:%M:%S}" if is_today else f"{moment:%Y-%m-%d %H:%M:%S}"


def to_count(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 record, 2,000 records."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
