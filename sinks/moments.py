"""Dates of the PIM and of ours, as Elasticsearch's strict_date_optional_time reads them."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_ISO: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s?(?:Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)


def to_date(text: str) -> str | None:
    """Return an ISO date in UTC, to the millisecond; None if it is none. No offset means UTC."""
    return _parse(text) if _ISO.fullmatch(text) is not None else None


@lru_cache(maxsize=4_096)  # each locale of a snapshot asks for the same ones
def _parse(text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return _to_iso(moment)


@lru_cache(maxsize=4_096)
def to_moment(seconds: float) -> str:
    """Return unix seconds as an ISO date in UTC, to the millisecond."""
    return _to_iso(datetime.fromtimestamp(seconds, UTC))


def _to_iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
