"""Faults of the REST API that can be switched on; decides which request meets which."""

from collections.abc import Iterator
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from simulator.garments import seeded

MEBIBYTE = 1024 * 1024


class FaultKind(StrEnum):
    """What can go wrong."""

    JITTER = "jitter"  # the request arrives late, by a random part of *seconds*
    LATENCY = "latency"  # the answer comes *seconds* late
    STALE = "stale"  # the answer is *seconds* old
    STATUS = "status"  # *status* with an error body, such as 403, 404, 500, 503
    THROTTLE = "throttle"  # 429, with Retry-After if *retry_after_s* is set
    EMPTY = "empty"  # a list has no members, and says so; single resources are there
    MAINTENANCE = "maintenance"  # 200 with an HTML page
    TRUNCATED = "truncated"  # 200 with half of the JSON
    SLOW_BODY = "slow_body"  # the body comes one byte per *seconds*
    RESET = "reset"  # the connection ends in the middle of the body
    HUGE = "huge"  # the answer is padded to *size_bytes*
    GZIP_BOMB = "gzip_bomb"  # a small body that unpacks to *size_bytes*


class Fault(BaseModel):
    """
    One fault: for a *share* of the requests whose path contains *path*, at most *times* of them.

    *html* gives errors an HTML body, as a gateway does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(default=1.0, ge=0, le=1)
    path: str = ""
    times: int | None = Field(default=None, ge=1)
    seconds: float = Field(default=1.0, ge=0)
    status: int = Field(default=503, ge=200, le=599)
    retry_after_s: int | None = Field(default=None, ge=0)
    html: bool = False
    size_bytes: int = Field(default=64 * MEBIBYTE, ge=1)


class Faults:
    """The faults that are on, at most one of each kind."""

    def __init__(self, *, seed: int = 0) -> None:
        self._on: dict[FaultKind, Fault] = {}
        self._hits: dict[FaultKind, int] = {}
        self._random = seeded(seed, "faults")

    def set(self, kind: FaultKind, fault: Fault) -> None:
        """Switch a fault on, or change it; its hits are counted anew."""
        self._on[kind] = fault
        self._hits[kind] = 0

    def clear(self, kind: FaultKind | None = None) -> None:
        """Switch one fault off, or all of them."""
        for each in [kind] if kind else list(self._on):
            self._on.pop(each, None)

    def on(self) -> Iterator[tuple[FaultKind, Fault, int]]:
        """Yield each fault that is on, and how many requests it has hit."""
        for kind, fault in self._on.items():
            yield kind, fault, self._hits[kind]

    def jitter_s(self, met: dict[FaultKind, Fault]) -> float:
        """Return how late a request arrives."""
        fault = met.get(FaultKind.JITTER)
        return 0.0 if fault is None else self._random.random() * fault.seconds

    def draw(self, path: str) -> dict[FaultKind, Fault]:
        """Return the faults that a request for *path* meets, and count them as hits."""
        met = {}
        for kind, fault in self._on.items():
            over = fault.times is not None and self._hits[kind] >= fault.times
            if over or fault.path not in path or self._random.random() >= fault.share:
                continue
            self._hits[kind] += 1
            met[kind] = fault
        return met
