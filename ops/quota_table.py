"""The quota and its lanes as lines for a terminal, and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.quota_forecast import LaneForecast
from ops.spoken import to_clock, to_count, to_span

_WIDTH: Final = 12


@dataclass(frozen=True, slots=True)
class WindowView:
    """One window: what is used of our share, and what the whole PIM may get."""

    span_s: float
    used: int
    limit: int
    whole: int


@dataclass(frozen=True, slots=True)
class QuotaView:
    """All that the command shows; *is_whole* is whether all that waits could be counted."""

    now_s: float
    share: float
    pack_max: int
    windows: Sequence[WindowView]
    lanes: Sequence[LaneForecast]
    is_whole: bool = True


def to_lines(view: QuotaView) -> list[str]:
    """Return the windows, then the lanes."""
    rows = [(f"{to_span(each.span_s)}", _to_window(each)) for each in view.windows]
    whole = " and ".join(f"{each.whole:,} in {to_span(each.span_s)}" for each in view.windows)
    rows.append(("share", f"{view.share:g} of the PIM's {whole}"))
    rows += [(each.lane.value, _to_lane(each, view)) for each in view.lanes]
    if not view.is_whole:
        rows.append(("", "more waits than could be counted in time"))
    return [f"{name:<{_WIDTH}} {text}" for name, text in rows]


def to_object(view: QuotaView) -> dict[str, Any]:
    """Return the same for programs; moments are unix seconds."""
    return {
        "now": view.now_s,
        "share": view.share,
        "windows": [
            {
                "seconds": each.span_s,
                "used": each.used,
                "limit": each.limit,
                "quota": each.whole,
                "used_ratio": round(each.used / each.limit, 4),
            }
            for each in view.windows
        ],
        "lanes": {
            each.lane.value: {
                "resources": each.waiting.resources,
                "pages": each.waiting.pages,
                "requests_min": each.waiting.requests,
                "free": each.free,
                "next": each.next_s,
                "done": each.done_s,
            }
            for each in view.lanes
        },
        "is_whole": view.is_whole,
    }


def _to_window(window: WindowView) -> str:
    ratio = window.used / window.limit
    left = max(0, window.limit - window.used)
    return f"{window.used:,} of {window.limit:,} used ({ratio:.0%}), {left:,} left"


def _to_lane(lane: LaneForecast, view: QuotaView) -> str:
    waiting = lane.waiting
    if not waiting.requests:
        said = "nothing waits"
        if lane.free or lane.next_s is None:
            return f"{said}; {to_count(lane.free, 'request')} may be sent now"
        return f"{said}; the next request may be sent in {to_span(lane.next_s - view.now_s)}"
    parts = []
    if waiting.resources:
        parts.append(to_count(waiting.resources, "resource"))
    if waiting.pages:
        parts.append(to_count(waiting.pages, "page"))
    verb = "waits" if waiting.resources + waiting.pages == 1 else "wait"
    packs = f" of up to {view.pack_max}" if waiting.resources > 1 < view.pack_max else ""
    needs = f"at least {to_count(waiting.requests, 'request')}{packs}"
    return f"{' and '.join(parts)} {verb}: {needs}, {_to_end(lane, view.now_s)}"


def _to_end(lane: LaneForecast, now_s: float) -> str:
    if lane.done_s is None:
        return "done nobody knows when"
    if lane.done_s <= now_s:
        return "for which the quota has room now"
    return f"done in {to_span(lane.done_s - now_s)} ({to_clock(lane.done_s, now_s)} UTC)"
