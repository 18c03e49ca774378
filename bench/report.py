"""The table and the picture of docs/performance.md, from what `bench/run.py` has kept."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

from bench import rebuild

Figures = Mapping[str, Any]

ROWS: Final[dict[str, tuple[str, ...]]] = {
    "webhook calls accepted per second": ("calls", "per_s"),
    "webhook call, p50, ms": ("calls", "p50_ms"),
    "webhook call, p99, ms": ("calls", "p99_ms"),
    "webhook call, slowest, ms": ("calls", "slowest_ms"),
    "requests for each changed document, bulk edit": ("bulk edit", "requests_each"),
    "share of the quota used, bulk edit": ("bulk edit", "quota_share"),
    "requests refused with 429, bulk edit": ("bulk edit", "refused"),
    "bulk edit: all calls accepted, s": ("bulk edit", "accepted_s"),
    "bulk edit: all of it searchable, s": ("bulk edit", "searchable_s"),
    "bulk edit: all notifications done with, s": ("bulk edit", "worked_off_s"),
    "lone edit searchable, p50, s": ("lone edits", "p50_s"),
    "lone edit searchable, p95, s": ("lone edits", "p95_s"),
    "lone edit searchable, p99, s": ("lone edits", "p99_s"),
    "live edit during the bulk edit, p50, s": ("bulk edit", "live edits", "p50_s"),
    "live edit during the bulk edit, p95, s": ("bulk edit", "live edits", "p95_s"),
    "the same from the accepted call, p50, s": ("bulk edit", "live edits, from the call", "p50_s"),
    "the same from the accepted call, p95, s": ("bulk edit", "live edits, from the call", "p95_s"),
    "computing for 10,000 notifications, s": ("bulk edit", "computed_s_per_10000"),
    "first load, s": ("load", "seconds"),
    "requests of the first load": ("load", "requests"),
    "greatest process, MiB": ("peak_mib",),
}
WRONG: Final = ("missing", "stale", "extra", "wrong_locale")
STEPS: Final = (
    "load",
    "bulk edit",
    "deletes",
    "after kill -9",
    "after 30 s without Kafka",
    "after 30 s without Elasticsearch",
    "after 30 s of 503",
)
BARS: Final = {
    "webhook calls accepted per second (more is better)": ("calls", "per_s"),
    "requests for each changed document, bulk edit": ("bulk edit", "requests_each"),
    "bulk edit: all calls accepted, s": ("bulk edit", "accepted_s"),
    "bulk edit: all of it searchable, s": ("bulk edit", "searchable_s"),
    "bulk edit: all notifications done with, s": ("bulk edit", "worked_off_s"),
    "lone edit searchable, p95, s": ("lone edits", "p95_s"),
    "live edit during the bulk edit, from the accepted call, p95, s": (
        "bulk edit",
        "live edits, from the call",
        "p95_s",
    ),
    "computing for 10,000 notifications, s": ("bulk edit", "computed_s_per_10000"),
}
_COLOURS: Final = {"quindex": "#2b6cb0"}
_OTHER: Final = "#718096"
_WIDTH, _BAR, _LABEL, _SCALE = 720, 22, 70, 520


def read(path: Path) -> dict[str, list[Figures]]:
    """Return the figures of each candidate, in the order of the rounds."""
    found: dict[str, list[Figures]] = {}
    for figures in read_lines(path):
        if "candidate" in figures:
            found.setdefault(figures["candidate"], []).append(figures)
    return found


def read_lines(path: Path) -> list[Figures]:
    """Return all that was kept, in order."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def find(figures: Figures, path: Sequence[str]) -> Any:
    """Return what lies at a path; None: it was not measured."""
    value: Any = figures
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def to_values(rounds: Sequence[Figures], path: Sequence[str]) -> list[float]:
    """Return what was measured in the rounds."""
    return [value for each in rounds if (value := find(each, path)) is not None]


def to_cell(rounds: Sequence[Figures], path: Sequence[str]) -> str:
    """Return the median, and least and most where they differ."""
    values = to_values(rounds, path)
    if not values:
        return ""
    least, most = min(values), max(values)
    shown = to_number(median(values))
    return shown if least == most else f"{shown} ({to_number(least)} to {to_number(most)})"


def to_number(value: float) -> str:
    """Return three digits of it, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def to_wrong(rounds: Sequence[Figures], step: str) -> str:
    """Return how many of each sort are wrong in the worst round, or why the step is left out."""
    found = [each[step] for each in rounds if step in each]
    if not found:
        return ""
    if reason := found[0].get("cannot"):
        return f"cannot: {reason}"
    worst = max((each.get("wrong", each) for each in found), key=to_total)
    shown = ", ".join(f"{worst[kind]:,} {kind.replace('_', ' ')}" for kind in WRONG if worst[kind])
    disabled = any("webhook" in each for each in found)
    return (shown or "0") + ("; webhook disabled" if disabled else "")


def to_total(wrong: Mapping[str, int]) -> int:
    """Return how many are wrong."""
    return sum(wrong[kind] for kind in WRONG)


def to_table(found: Mapping[str, Sequence[Figures]]) -> list[str]:
    """Return the lines of the table."""
    names = list(found)
    rows = [(label, [to_cell(found[name], path) for name in names]) for label, path in ROWS.items()]
    rows += [(f"wrong: {step}", [to_wrong(found[name], step) for name in names]) for step in STEPS]
    lines = [f"| Measure | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    return lines + [f"| {label} | {' | '.join(cells)} |" for label, cells in rows if any(cells)]


def to_picture(found: Mapping[str, Sequence[Figures]]) -> str:
    """Return an SVG: for each measure one bar of each candidate, the longest the same length."""
    parts: list[str] = []
    top = 0
    for label, path in BARS.items():
        values = {
            name: median(each)
            for name, rounds in found.items()
            if (each := to_values(rounds, path))
        }
        top += 28
        parts.append(f'<text x="0" y="{top}" font-weight="bold">{label}</text>')
        for name, value in values.items():
            parts += to_bar(name, value, share=value / (max(values.values()) or 1), top=top)
            top += _BAR
    height = top + 20
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
                ' font-family="sans-serif" font-size="13">'
            ),
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def to_bar(name: str, value: float, *, share: float, top: float) -> list[str]:
    """Return a bar with its name and its value."""
    width = max(1.0, _SCALE * share)
    return [
        f'<text x="0" y="{top + 22}">{name}</text>',
        (
            f'<rect x="{_LABEL}" y="{top + 8}" width="{width:.1f}" height="16"'
            f' fill="{_COLOURS.get(name, _OTHER)}"/>'
        ),
        f'<text x="{_LABEL + width + 8:.1f}" y="{top + 22}">{to_number(value)}</text>',
    ]


def write(results: Path, picture: Path, say: Callable[[str], object]) -> None:
    """Say the table, and write the picture."""
    found = read(results)
    for line in to_table(found):
        say(line)
    for figures in read_lines(results):
        for line in rebuild.to_lines(figures.get("rebuild", {})):
            say(line)
    picture.write_text(to_picture(found), "utf-8")
