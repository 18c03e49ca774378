"""Which deletes a person's decision is about."""

from ops.deletes import to_again
from streams.delete_brake import SPAN_S

CLOSED_S = 1_000_000.0


def test_only_what_went_through_just_before_the_brake_closed_is_looked_at_again() -> None:
    passed = {
        "document:old": CLOSED_S - SPAN_S,
        "document:b": CLOSED_S - 1,
        "document:a": CLOSED_S + 5,
    }

    assert to_again(passed, {"document:c": CLOSED_S, "document:d": CLOSED_S + 9}) == [
        "document:a",
        "document:b",
    ]
