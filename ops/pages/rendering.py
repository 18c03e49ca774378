"""Templates: whatever others wrote becomes visible text, and is escaped, wherever it stands."""

from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ops.life import to_shown
from ops.pages.queries import to_quoted
from ops.side_by_side import to_cell
from ops.spoken import to_clock, to_count, to_span
from ops.terminal import SHOWN_MAX_CHARS, show

_WHOLE: Final = 1_000_000_000


def create_environment() -> Environment:
    """Return the templates."""
    environment = Environment(
        loader=PackageLoader("ops.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=to_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": to_cell,
        "clock": to_clock,
        "counted": to_count,
        "cut": to_cut,
        "quoted": to_quoted,
        "span": to_span,
    }
    environment.globals["shown"] = to_shown
    return environment


def to_visible(value: Any) -> Any:
    """Return text without characters that cannot be seen, or turn the direction of reading."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(show(line, chars_max=_WHOLE) for line in value.split("\n"))
    return value


def to_cut(value: object, chars_max: int = SHOWN_MAX_CHARS) -> str:
    """Return the beginning of a value, in one line."""
    return show(value, chars_max=chars_max)
