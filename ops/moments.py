"""Moments as people give them on the command line: 2h, 30m, or 2026-11-24T10:00."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import click

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


class Moment(click.ParamType):
    """
    Unix seconds, from a span back from now or a date and time (UTC unless it says more).

    What lies before 1970 is 1970: nothing here is older, and Kafka knows no such times.
    """

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        if (ago := _AGO.fullmatch(value)) is not None:
            return max(0.0, datetime.now(UTC).timestamp() - float(ago[1]) * _UNITS[ago[2]])
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a span such as 2h nor a date and time", param, ctx)
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
