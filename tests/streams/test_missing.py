"""What a 404 means."""

import pytest

from streams.missing import (
    DENIED_PAUSE_MAX_S,
    LOOK_AGAIN_S,
    MissingVerdict,
    judge_missing,
    to_pause_s,
)


def test_a_resource_that_was_said_to_be_deleted_is_gone_at_once() -> None:
    verdict = judge_missing(announced=True, missing_since_s=None, now_s=0)

    assert verdict is MissingVerdict.DELETED


@pytest.mark.parametrize(
    ("missing_since_s", "now_s", "verdict"),
    [
        (None, 1_000.0, MissingVerdict.LOOK_AGAIN),
        (1_000.0, 1_000.0, MissingVerdict.LOOK_AGAIN),
        (1_000.0, 1_000.0 + LOOK_AGAIN_S - 0.1, MissingVerdict.LOOK_AGAIN),
        (1_000.0, 1_000.0 + LOOK_AGAIN_S, MissingVerdict.CONFIRM),
    ],
)
def test_any_other_404_is_looked_at_again_before_it_counts(
    missing_since_s: float | None, now_s: float, verdict: MissingVerdict
) -> None:
    found = judge_missing(announced=False, missing_since_s=missing_since_s, now_s=now_s)

    assert found is verdict


def test_pauses_double_while_everything_is_denied() -> None:
    pauses_s = [to_pause_s(attempts) for attempts in range(1, 8)]

    assert pauses_s == [30, 60, 120, 240, 480, DENIED_PAUSE_MAX_S, DENIED_PAUSE_MAX_S]
    assert to_pause_s(100_000) == DENIED_PAUSE_MAX_S
