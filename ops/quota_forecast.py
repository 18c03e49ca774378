"""When what waits for the PIM's quota will have been asked for, by the quota alone. Without I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streams.quota import Quota
from topics.due import Lane

HORIZON_S: Final = 7 * 86_400.0
"""Further ahead nothing is foretold."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in one lane: *requests* that it takes at least, for *resources* or pages."""

    resources: int = 0
    pages: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class LaneForecast:
    """
    One lane: how many requests may go now, and when the last of those that wait may.

    *next_s* is when one more may go; None: beyond the horizon, or not known.
    """

    lane: Lane
    waiting: Waiting
    free: int
    next_s: float | None
    done_s: float | None


def to_waiting(resources: int, *, pages: int = 0, pack_max: int) -> Waiting:
    """Return what a lane needs at least: full packs, and one request for a page."""
    return Waiting(resources, pages, -(-resources // pack_max) + pages)


def forecast(quota: Quota, waiting: Mapping[Lane, Waiting], now_s: float) -> list[LaneForecast]:
    """Return the lanes, the most urgent first; what they will send is held in *quota*."""
    now = [(lane, quota.free(lane, now_s), quota.free_at(lane, now_s)) for lane in Lane]
    found = []
    moment_s: float | None = now_s  # a lane goes on once nothing waits in those before it
    for lane, free, next_s in now:
        wanted = waiting.get(lane, Waiting())
        done_s: float | None = now_s
        if wanted.requests and moment_s is not None:
            done_s = moment_s = _send(quota, lane, wanted.requests, moment_s, now_s + HORIZON_S)
        elif wanted.requests:
            done_s = None
        found.append(LaneForecast(lane, wanted, free, next_s, done_s))
    return found


def _send(
    quota: Quota, lane: Lane, requests: int, moment_s: float, latest_s: float
) -> float | None:
    """Hold slots as they become free, from a moment on; return when the last is taken."""
    left = requests
    while left > 0:
        free_s = quota.free_at(lane, moment_s)
        if free_s is None or free_s > latest_s:
            return None
        moment_s = max(moment_s, free_s)
        count = min(left, quota.free(lane, moment_s))
        quota.hold(moment_s, count)
        left -= count
    return moment_s
