"""Charts of the last hour as SVG: figures in, coordinates out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ops.spoken import to_clock

WIDTH: Final = 380
HEIGHT: Final = 130
MINUTES: Final = 60
_LEFT: Final = 44
_BOTTOM: Final = 20
_TOP: Final = 8
_RIGHT: Final = 6
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
_THOUSAND: Final = 1_000


@dataclass(frozen=True, slots=True)
class Point:
    """One minute; *value* None: nothing is known of it."""

    at_s: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the chart, or a time below it, where it says something."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute as a bar; *text* is told by its title."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart to be drawn; *summary* says in words what it shows."""

    id: str
    title: str
    unit: str
    summary: str
    bars: tuple[Bar, ...]
    heights: tuple[Mark, ...]
    times: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    bottom: int = HEIGHT - _BOTTOM

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be drawn."""
        return not self.bars


def to_chart(
    id_: str, title: str, unit: str, points: Sequence[Point], *, now_s: float, digits: int = 0
) -> Chart:
    """Return the chart of so many minutes up to now."""
    known = [each for each in points if each.value is not None]
    top = to_round_top(max((each.value or 0.0 for each in known), default=0.0))
    span = HEIGHT - _BOTTOM - _TOP
    step = (WIDTH - _LEFT - _RIGHT) / MINUTES
    first_s = now_s - MINUTES * 60.0
    bars = []
    for each in known:
        height = (each.value or 0.0) / top * span
        x = _LEFT + (each.at_s - first_s) / 60.0 * step
        if height > 0 and x >= _LEFT:
            text = f"{to_clock(each.at_s, now_s)[:-3]}: {each.value:,.{digits}f} {unit}"
            y = HEIGHT - _BOTTOM - height
            bars.append(Bar(round(x, 1), round(y, 1), round(step - 1, 1), round(height, 1), text))
    heights = tuple(
        Mark(_LEFT, round(HEIGHT - _BOTTOM - part * span, 1), _to_label(part * top))
        for part in (0.0, 0.5, 1.0)
    )
    times = tuple(
        Mark(
            round(_LEFT + minute * step, 1),
            HEIGHT - 5,
            to_clock(first_s + minute * 60, now_s)[-8:-3],
        )
        for minute in (0, 20, 40, 60)
    )
    return Chart(
        id_, title, unit, _to_summary(known, unit, digits, now_s), tuple(bars), heights, times
    )


_SMALLEST: Final = 1e-6
"""What is less than a millionth of anything is drawn as that."""


def to_round_top(value: float) -> float:
    """Return the next number of 1, 2, 5 and zeros: what the scale ends at."""
    if value <= 0:
        return 1.0
    value, size = max(value, _SMALLEST), 1.0
    while size > value:
        size /= 10
    while size * 10 < value:
        size *= 10
    return next(step * size for step in _STEPS if step * size >= value)


def _to_label(value: float) -> str:
    return f"{value / _THOUSAND:g}k" if value >= _THOUSAND else f"{value:g}"


def _to_summary(known: Sequence[Point], unit: str, digits: int, now_s: float) -> str:
    if not any(each.value for each in known):
        return "Nothing in the last hour."
    highest = max(known, key=lambda each: each.value or 0.0)
    newest = max(known, key=lambda each: each.at_s)
    return (
        f"Highest {highest.value:,.{digits}f} {unit} at {to_clock(highest.at_s, now_s)[:-3]}, "
        f"newest {newest.value:,.{digits}f} {unit} at {to_clock(newest.at_s, now_s)[:-3]} UTC."
    )
