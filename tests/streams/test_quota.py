"""The PIM's quota: never too many in any window, and not needlessly few."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.quota import GRAINS, Quota, Window
from topics.due import Lane


def test_a_request_holds_its_slot_for_a_span_after_its_answer() -> None:
    window = Window(limit=1, span_s=10)
    window.start()

    assert (window.free(5), window.free_at(5)) == (0, None)  # only its answer can free a slot
    window.end(5)
    assert (window.free(14.9), window.free_at(6)) == (0, 15)
    assert (window.free(15), window.free_at(15)) == (1, 15)


def test_a_bucket_would_send_twice_as_many_as_a_window_does() -> None:
    window = Window(limit=6_000, span_s=600)
    window.start(6_000)
    window.end(0, 6_000)

    assert window.free(599) == 0
    assert window.free(600) == 6_000


def test_requests_made_elsewhere_hold_slots_too() -> None:
    window = Window(limit=10, span_s=10)
    window.hold(0, 4)
    window.hold(2, 3)
    window.hold(1, 1)  # told out of order
    window.hold(3, 0)

    assert [window.used(at_s) for at_s in (9, 10, 11, 11.9, 12)] == [8, 4, 3, 3, 0]


def test_what_is_held_from_a_moment_to_come_delays_nothing_else() -> None:
    window = Window(limit=10, span_s=10)
    window.hold(35, 2)
    window.start()
    window.end(1)

    assert [window.used(at_s) for at_s in (1, 10.9, 11, 44.9, 45)] == [3, 3, 2, 2, 0]


def test_answers_close_together_are_kept_as_one_and_never_freed_too_early() -> None:
    window = Window(limit=10_000, span_s=GRAINS)  # a grain is a second
    for tenth in range(100):
        window.hold(tenth / 10, 1)

    assert len(window.answered(10, parts_max=1_000)) <= 10
    for at_s in range(GRAINS, GRAINS + 12):
        still = sum(tenth / 10 + GRAINS > at_s for tenth in range(100))
        assert still <= window.used(at_s) <= still + 11


def test_what_is_held_can_be_told_in_few_parts() -> None:
    window = Window(limit=100, span_s=1_000)
    for second in range(50):
        window.hold(second, 1)
    window.start(3)

    assert window.answered(50, parts_max=5) == [(9, 10), (19, 10), (29, 10), (39, 10), (49, 10)]
    assert window.in_flight == 3


def test_what_was_answered_can_be_forgotten_and_what_is_under_way_stays() -> None:
    window = Window(limit=10, span_s=10)
    window.start(3)
    window.end(0)
    window.forget()

    assert window.used(0) == 2
    window.end(1, 2)
    assert window.used(2) == 2


@pytest.mark.parametrize(("limit", "span_s"), [(0, 1), (1, 0)])
def test_a_window_has_room_and_length(limit: int, span_s: float) -> None:
    with pytest.raises(AssertionError):
        Window(limit=limit, span_s=span_s)


def test_only_what_is_under_way_can_end() -> None:
    with pytest.raises(AssertionError):
        Window(limit=1, span_s=1).end(0)


def test_lower_lanes_leave_the_last_fifth_to_live_requests() -> None:
    quota = Quota((Window(limit=10, span_s=10),))
    for _ in range(8):
        quota.start()

    assert [quota.free(lane, 0) for lane in Lane] == [2, 0, 0]
    assert quota.free_at(Lane.LIVE, 0) == 0
    assert quota.free_at(Lane.SCAN, 0) is None
    quota.end(3)
    assert quota.free_at(Lane.SCAN, 4) == 13


def test_the_fullest_window_decides() -> None:
    quota = Quota((Window(limit=2, span_s=10), Window(limit=3, span_s=100)))
    for _ in range(2):
        quota.start()
        quota.end(0)

    assert quota.used_ratio(0) == 1
    assert (quota.free(Lane.LIVE, 0), quota.free_at(Lane.LIVE, 0)) == (0, 10)
    quota.start()
    assert quota.free_at(Lane.LIVE, 10) == 100
    quota.end(10)
    assert (quota.used_ratio(20), quota.free(Lane.LIVE, 20)) == (1, 0)
    assert quota.free_at(Lane.LIVE, 20) == 100


def test_half_of_each_window_can_be_held_for_what_is_not_known() -> None:
    quota = Quota((Window(limit=10, span_s=10), Window(limit=100, span_s=100)))
    quota.hold(0, None)

    assert [window.used(1) for window in quota.windows] == [5, 50]
    quota.hold(1, 2)
    assert [window.used(1) for window in quota.windows] == [7, 52]
    quota.forget()
    assert quota.free(Lane.LIVE, 1) == 10


# Times are quarters of a second: exact, so that the edges of windows are met.
moments = st.integers(min_value=0, max_value=40).map(lambda quarters: quarters / 4)


@given(
    limit=st.integers(1, 5),
    span_s=st.sampled_from([1.0, 2.5, 10.0]),
    requests=st.lists(st.tuples(moments, moments), min_size=1, max_size=25),
)
def test_no_window_ever_holds_more_arrivals_than_the_limit(
    limit: int, span_s: float, requests: list[tuple[float, float]]
) -> None:
    """
    *requests* are (pause before it is wanted, time until its answer), and may overlap.

    Between its start and its end a request may arrive at any moment, so each moment is tried at
    which arrivals could crowd: as late as possible before a window's start, as early after it.
    """
    window = Window(limit=limit, span_s=span_s)
    now_s = 0.0
    intervals: list[tuple[float, float]] = []
    under_way: list[float] = []  # when they end, soonest first

    def pass_time(until_s: float) -> None:
        while under_way and under_way[0] <= until_s:
            window.end(under_way.pop(0))

    for pause_s, answer_s in requests:
        now_s += pause_s
        pass_time(now_s)
        while window.free(now_s) == 0:
            free_at_s = window.free_at(now_s)
            assert free_at_s is None or free_at_s > now_s  # or it would have been free
            next_s = under_way[0] if free_at_s is None else free_at_s
            now_s = min([next_s, *under_way[:1]])
            pass_time(now_s)
        window.start()
        intervals.append((now_s, now_s + answer_s))
        under_way = sorted([*under_way, now_s + answer_s])

    starts = {moment for interval in intervals for moment in interval}
    for start_s in starts:
        # A window [start, start + span) holds whatever can arrive in it.
        crowd = sum(
            begun_s < start_s + span_s and ended_s >= start_s for begun_s, ended_s in intervals
        )
        assert crowd <= limit


@given(limit=st.integers(1, 6), requests=st.integers(1, 30))
def test_it_is_not_slower_than_the_quota_asks_for(limit: int, requests: int) -> None:
    """Requests that are answered at once go as soon as the limit allows, to the second."""
    window = Window(limit=limit, span_s=10)
    now_s, sent = 0.0, []
    for _ in range(requests):
        free_at_s = window.free_at(now_s)
        assert free_at_s is not None
        now_s = free_at_s
        window.start()
        window.end(now_s)
        sent.append(now_s)

    assert sent == [10.0 * (number // limit) for number in range(requests)]


def test_what_leaves_first_may_not_be_enough() -> None:
    window = Window(limit=4, span_s=10)
    for second in range(3):
        window.hold(second, 2)

    assert window.free_at(3) == 11  # at 10 two have left, and it is full again
    assert window.free_at(3, reserve=2) == 12


def test_a_long_history_is_dropped_as_it_leaves() -> None:
    window = Window(limit=100, span_s=10)
    for second in itertools.islice(itertools.count(), 1_000):
        window.used(second)
        window.hold(second, 1)

    assert window.used(1_000) == 9
