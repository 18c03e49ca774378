import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.retries import RetryBudget, RetryPolicy
from runtime.errors import PimAnswerUnusable, PimTimeout, PimUnauthorized, PimUnavailable

JITTERS = st.floats(min_value=0, max_value=1)


def policy(jitter: float = 1.0, **kwargs: float) -> RetryPolicy:
    return RetryPolicy(jitter=lambda: jitter, wait_first_s=0.25, wait_max_s=2.0, **kwargs)  # type: ignore[arg-type]  # only numbers


def test_an_error_is_waited_out_with_full_jitter_and_a_growing_ceiling() -> None:
    error = PimUnavailable("503", status=503)

    assert [policy().wait_s(error, tries=tries) for tries in (1, 2)] == [0.25, 0.5]
    assert policy(0.0).wait_s(error, tries=2) == 0.0


def test_a_429_is_waited_out_with_equal_jitter() -> None:
    error = PimUnavailable("429", status=429)

    assert [policy().wait_s(error, tries=tries) for tries in (1, 2)] == [0.5, 1.0]
    assert [policy(0.0).wait_s(error, tries=tries) for tries in (1, 2)] == [0.25, 0.5]


@given(JITTERS, st.floats(min_value=0, max_value=2))
def test_a_short_retry_after_is_never_undercut(jitter: float, retry_after_s: float) -> None:
    error = PimUnavailable("429", status=429, retry_after_s=retry_after_s)
    wait_s = policy(jitter).wait_s(error, tries=1)

    assert wait_s is not None
    assert retry_after_s <= wait_s <= retry_after_s + 0.25


def test_a_longer_retry_after_is_the_callers_to_keep() -> None:
    error = PimUnavailable("429", status=429, retry_after_s=2.1)

    assert policy().wait_s(error, tries=1) is None


@pytest.mark.parametrize(
    "error",
    [
        PimTimeout("30 s"),
        PimUnauthorized("401", status=401),
        PimAnswerUnusable("another"),
        ValueError("a bug"),
    ],
)
def test_what_would_take_too_long_or_never_succeed_is_not_tried_again(error: Exception) -> None:
    assert policy().wait_s(error, tries=1) is None


def test_the_tries_are_counted_for_each_request() -> None:
    retries = policy()
    error = PimUnavailable("503", status=503)
    first, second = retries.to_hook(), retries.to_hook()

    assert [first(error), first(error), first(error)] == [0.25, 0.5, False]
    assert second(error) == 0.25


@given(JITTERS, st.integers(min_value=1, max_value=3), st.sampled_from([None, 429, 503]))
def test_all_waits_of_a_request_stay_short(jitter: float, tries: int, status: int | None) -> None:
    wait_s = policy(jitter).wait_s(PimUnavailable("x", status=status), tries=tries)

    assert wait_s is None if tries == 3 else wait_s is not None and 0 <= wait_s <= 1.0


def test_an_outage_adds_a_share_of_the_requests_and_no_more() -> None:
    retries = RetryPolicy(budget=RetryBudget(share=0.1, saved_max=10, saved=10))
    further = 0
    for _ in range(1_000):
        retries.budget.on_request()
        hook = retries.to_hook()
        while hook(PimUnavailable("503", status=503)) is not False:
            further += 1

    assert 100 <= further <= 111


@given(st.lists(st.booleans(), max_size=200))
def test_the_budget_saves_no_more_than_it_may(steps: list[bool]) -> None:
    budget = RetryBudget(share=0.5, saved_max=3, saved=3)
    for is_request in steps:
        if is_request:
            budget.on_request()
        else:
            budget.take()
        assert 0 <= budget.saved <= 3
