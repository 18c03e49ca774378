"""A record as a command sees it in the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it lies in the log."""

    topic: str
    partition: int
    offset: int
    appended_s: float
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)
