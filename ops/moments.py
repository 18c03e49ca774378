"""Moments as people give them on the command line: 2h, 30m, or 2026-11-24T10:00."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import click

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


class Moment(click.ParamType):
    """Unix seconds, from a span back from now or a date and time (UTC unless it says more)."""

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        if (ago := _AGO.fullmatch(value)) is not None:
            return datetime.now(UTC).timestamp() - float(ago[1]) * _UNITS[ago[2]]
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a span such as 2h nor a date and time", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
