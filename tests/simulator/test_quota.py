from hypothesis import given
from hypothesis import strategies as st

from simulator.quota import Quota, RequestLedger, SlidingCount, Window

GAPS = st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0]), max_size=80)


def most_within(arrivals: list[float], window_s: float) -> int:
    return max(
        (sum(end - window_s < each <= end for each in arrivals) for end in arrivals), default=0
    )


@given(gaps=GAPS, requests_max=st.integers(0, 5), window_s=st.sampled_from([1.0, 2.0, 10.0]))
def test_no_window_ever_serves_more_than_its_maximum(
    gaps: list[float], requests_max: int, window_s: float
) -> None:
    quota, now_s = Quota([Window(requests_max, window_s)]), 0.0
    served = []
    for gap in gaps:
        now_s += gap
        if quota.take(now_s) is None:
            served.append(now_s)

    assert most_within(served, window_s) <= requests_max


@given(gaps=GAPS, window_s=st.sampled_from([1.0, 2.0, 10.0]))
def test_the_ledger_knows_the_peak_of_every_window(gaps: list[float], window_s: float) -> None:
    ledger, now_s = RequestLedger([window_s]), 0.0
    arrivals = []
    for gap in gaps:
        now_s += gap
        arrivals.append(now_s)
        ledger.arrived("GET /api/documents", now_s)

    assert ledger.peaks() == {window_s: most_within(arrivals, window_s)}
    assert ledger.total == len(arrivals)


def test_a_refusal_tells_when_the_window_has_room() -> None:
    quota = Quota([Window(1, 10.0), Window(2, 100.0)])
    assert quota.take(0.0) is None

    assert quota.take(4.0) == 6.0
    assert quota.take(10.0) is None
    assert quota.take(20.0) == 80.0
    assert quota.used(20.0) == [0, 2]


def test_refused_requests_may_count_too() -> None:
    quota = Quota([Window(1, 10.0)], refused_count=True)
    assert quota.take(0.0) is None
    assert quota.take(9.0) == 1.0

    assert quota.take(11.0) == 8.0


def test_without_windows_everything_is_served() -> None:
    assert all(Quota([]).take(0.0) is None for _ in range(100))


def test_a_request_as_old_as_the_window_has_left_it() -> None:
    count = SlidingCount(10.0)
    count.add(0.0)

    assert count.count(9.9) == 1
    assert count.count(10.0) == 0


def test_a_reset_forgets_counts_and_peaks() -> None:
    ledger = RequestLedger([1.0])
    ledger.arrived("GET /api/documents", 0.0)
    ledger.answered(200)
    ledger.reset()

    assert (ledger.total, ledger.peaks(), dict(ledger.statuses)) == (0, {1.0: 0}, {})
