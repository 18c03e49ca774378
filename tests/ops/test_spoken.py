"""Moments, spans and numbers as a person says them."""

import pytest

from ops.spoken import to_clock, to_count, to_span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (42, "42 s"),
        (600, "10 min"),
        (7_200, "2 h"),
        (200_000, "2 days"),
    ],
)
def test_a_span(seconds: float, said: str) -> None:
    assert to_span(seconds) == said


def test_a_moment_of_today_needs_no_date() -> None:
    assert to_clock(1_795_000_000, 1_795_000_060) == "11:06:40"
    assert to_clock(1_795_000_000, 1_795_090_000) == "2026-11-18 11:06:40"


def test_a_number_has_its_noun() -> None:
    assert to_count(1, "record") == "1 record"
    assert to_count(2_000, "record") == "2,000 records"
    assert to_count(2, "is", "are") == "2 are"
