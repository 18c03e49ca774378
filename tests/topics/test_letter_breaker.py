"""When a stage should stop, since most of what it was given died."""

from hypothesis import given
from hypothesis import strategies as st

from topics.letter_breaker import DIED_MIN, DIED_SHARE_MAX, SPAN_S, LetterBreaker


def die(breaker: LetterBreaker, count: int, *, now_s: float, reason: str = "bad") -> bool:
    tripped = False
    for _ in range(count):
        breaker.taken(now_s)
        tripped = breaker.died(now_s, reason)
    return tripped


def test_single_cases_stop_nothing() -> None:
    assert not die(LetterBreaker(), DIED_MIN - 1, now_s=0)


def test_when_most_of_a_minute_dies_the_stage_should_stop() -> None:
    breaker = LetterBreaker()

    assert not die(breaker, DIED_MIN - 1, now_s=0)
    assert die(breaker, 1, now_s=SPAN_S - 1)


def test_as_long_as_half_lives_it_goes_on() -> None:
    breaker = LetterBreaker()
    for _ in range(DIED_MIN):
        breaker.taken(0.0)

    assert not die(breaker, DIED_MIN, now_s=0)
    assert die(breaker, 1, now_s=0)


def test_what_is_older_than_the_span_counts_no_more() -> None:
    breaker = LetterBreaker()
    die(breaker, DIED_MIN - 1, now_s=0)

    assert not die(breaker, 1, now_s=SPAN_S)
    assert breaker.counts(SPAN_S) == (1, 1)


def test_parked_deletes_have_a_brake_of_their_own() -> None:
    assert not die(LetterBreaker(), DIED_MIN * 2, now_s=0, reason="delete_braked")


def test_after_a_reset_it_begins_anew() -> None:
    breaker = LetterBreaker()
    die(breaker, DIED_MIN, now_s=0)
    breaker.reset()

    assert breaker.counts(0) == (0, 0)


def test_records_that_were_taken_before_the_span_and_die_in_it_are_no_more_than_all() -> None:
    breaker = LetterBreaker(died_min=1)

    assert breaker.died(0.0, "bad")
    assert breaker.counts(0.0) == (1, 1)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=300))
def test_it_trips_only_with_enough_dead_and_more_than_the_share(
    steps: list[tuple[bool, float]],
) -> None:
    breaker, now_s = LetterBreaker(span_s=20, died_min=5), 0.0
    taken: list[float] = []
    died: list[float] = []
    for dies, pause_s in steps:
        now_s += pause_s
        breaker.taken(now_s)
        taken.append(now_s)
        if dies:
            died.append(now_s)
            recent = sum(at > now_s - 20 for at in died)
            all_ = sum(at > now_s - 20 for at in taken)
            assert breaker.died(now_s, "bad") == (recent >= 5 and recent > all_ * DIED_SHARE_MAX)
