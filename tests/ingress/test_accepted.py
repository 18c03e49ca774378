"""Records as the spool holds them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.accepted import Accepted, parse_row

_NAMES = st.text(max_size=20).filter(lambda text: text.isprintable())
_ACCEPTED = st.builds(
    Accepted,
    topic=_NAMES,
    key=st.none() | st.binary(max_size=30),
    value=st.binary(max_size=300),
    headers=st.dictionaries(_NAMES, st.binary(max_size=30), max_size=4),
)


@given(_ACCEPTED)
def test_a_row_gives_the_record_back(accepted: Accepted) -> None:
    assert parse_row(accepted.to_row()) == accepted


@given(_ACCEPTED, st.integers(min_value=0, max_value=60))
def test_a_row_that_ends_too_early_is_an_error_or_shorter(accepted: Accepted, kept: int) -> None:
    row = accepted.to_row()
    if kept >= len(row):
        return
    try:
        parsed = parse_row(row[:kept])
    except ValueError:
        return
    assert parsed.value == accepted.value[: len(parsed.value)]


@given(st.binary(max_size=200))
def test_what_is_no_row_is_an_error_at_most(row: bytes) -> None:
    with suppress(ValueError):
        parse_row(row)


def test_an_empty_row_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a row"):
        parse_row(b"")
