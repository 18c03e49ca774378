"""Moments as people give them on the command line."""

import time

import click
import pytest

from ops.moments import Moment


@pytest.mark.parametrize(
    ("given", "moment_s"),
    [
        ("2026-11-24", 1_795_478_400.0),
        ("2026-11-24T10:00", 1_795_514_400.0),
        ("2026-11-24T10:00+02:00", 1_795_507_200.0),
        ("1970-01-01T00:00:01", 1.0),
        ("1969-12-31", 0.0),
        ("0001-01-01", 0.0),
        ("99999d", 0.0),
        (f"{'9' * 400}d", 0.0),
    ],
)
def test_a_moment_is_unix_seconds_and_none_lies_before_1970(given: str, moment_s: float) -> None:
    assert Moment().convert(given, None, None) == moment_s


def test_a_span_goes_back_from_now() -> None:
    moment_s = Moment().convert("1.5h", None, None)

    assert moment_s == pytest.approx(time.time() - 5_400, abs=5)


@pytest.mark.parametrize("given", ["", "2", "h", "yesterday", "2026-13-01"])
def test_what_is_no_moment_is_wrong_usage(given: str) -> None:
    with pytest.raises(click.BadParameter):
        Moment().convert(given, None, None)
