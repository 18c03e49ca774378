"""When a stage has stalled."""

from streams.stall import REBALANCE_MAX_S, STALLED_AFTER_S, UNCOMMITTED_MAX_S, StallDetector


def observe(detector: StallDetector, now_s: float, **changed: object) -> str | None:
    given = {"progress": 1, "lag": 3, "waits_for": None} | changed
    return detector.observe("fetch", now_s=now_s, **given)  # type: ignore[arg-type]  # of the right types


def test_a_stage_that_is_behind_and_does_not_go_on_has_stalled_after_a_while() -> None:
    detector = StallDetector()
    assert observe(detector, 0) is None
    assert observe(detector, STALLED_AFTER_S - 1) is None

    reason = observe(detector, STALLED_AFTER_S)
    assert reason is not None
    assert "fetch is 3 records behind" in reason


def test_who_goes_on_or_has_nothing_to_do_or_says_why_it_waits_has_not() -> None:
    for excuse in ({"progress": 2}, {"lag": 0}, {"waits_for": "the PIM"}):
        detector = StallDetector()
        observe(detector, 0)
        assert observe(detector, STALLED_AFTER_S, **excuse) is None
        assert observe(detector, STALLED_AFTER_S + 1, **excuse) is None


def test_the_wait_starts_anew_after_an_excuse_or_a_rebalance() -> None:
    detector = StallDetector()
    observe(detector, 0)
    observe(detector, 59, waits_for="the PIM")
    assert observe(detector, 100) is None
    assert detector.observe_rebalance(now_s=900) is None

    assert observe(detector, 1_000) is None


def test_a_rebalance_that_does_not_end_ends_the_worker() -> None:
    detector = StallDetector()
    assert detector.observe_rebalance(now_s=0) is None
    assert detector.observe_rebalance(now_s=REBALANCE_MAX_S - 1) is None
    reason = detector.observe_rebalance(now_s=REBALANCE_MAX_S)

    assert reason == "a rebalance has not come to its end for 600 s"


def test_two_rebalances_are_not_one_long_one() -> None:
    detector = StallDetector()
    detector.observe_rebalance(now_s=0)
    observe(detector, 10)

    assert detector.observe_rebalance(now_s=REBALANCE_MAX_S) is None


def observe_commit(
    detector: StallDetector, now_s: float, *, stored: int | None = 7, is_due: bool = True
) -> str | None:
    return detector.observe_commit("due partition 0", stored=stored, is_due=is_due, now_s=now_s)


def test_a_commit_that_never_comes_through_ends_the_worker() -> None:
    for stored in (7, None):
        detector = StallDetector()
        assert observe_commit(detector, 0, stored=stored) is None
        assert observe_commit(detector, UNCOMMITTED_MAX_S - 1, stored=stored) is None
        reason = observe_commit(detector, UNCOMMITTED_MAX_S, stored=stored)

        assert reason == "nothing could be committed of due partition 0 for 600 s"


def test_the_wait_for_a_commit_starts_anew_when_one_comes_through_or_none_is_due() -> None:
    for change in ({"stored": 8}, {"is_due": False}):
        detector = StallDetector()
        observe_commit(detector, 0)
        assert observe_commit(detector, UNCOMMITTED_MAX_S, **change) is None
        assert observe_commit(detector, UNCOMMITTED_MAX_S + 1) is None


def test_a_rebalance_starts_the_wait_for_a_commit_anew() -> None:
    detector = StallDetector()
    observe_commit(detector, 0)
    detector.observe_rebalance(now_s=1)

    assert observe_commit(detector, UNCOMMITTED_MAX_S) is None
