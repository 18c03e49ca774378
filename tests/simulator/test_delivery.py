from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from simulator.delivery import Counting, DeliveryPolicy, Rules


def test_a_failure_is_tried_again_after_five_minutes_and_again() -> None:
    policy = DeliveryPolicy(Rules(failures_max=99))

    assert policy.failed(attempts=1, now_s=0.0) == 300.0
    assert policy.failed(attempts=2, now_s=301.0) == 601.0
    assert policy.failed(attempts=3, now_s=602.0) is None


def test_the_time_scale_shortens_the_interval() -> None:
    assert DeliveryPolicy(Rules(time_scale=60)).failed(attempts=1, now_s=10.0) == 15.0


def test_the_third_failure_of_one_notification_disables_the_webhook() -> None:
    policy = DeliveryPolicy(Rules(counting=Counting.NOTIFICATION))
    for _ in range(9):
        policy.failed(attempts=1, now_s=0.0)
    policy.failed(attempts=2, now_s=0.0)
    assert policy.enabled

    assert policy.failed(attempts=3, now_s=0.0) is None
    assert not policy.enabled


def test_across_notifications_any_third_failure_in_a_row_disables_it() -> None:
    policy = DeliveryPolicy(Rules(counting=Counting.WEBHOOK))
    policy.failed(attempts=1, now_s=0.0)
    policy.failed(attempts=1, now_s=0.0)
    policy.succeeded()
    policy.failed(attempts=1, now_s=0.0)
    policy.failed(attempts=1, now_s=0.0)
    assert policy.enabled

    assert policy.failed(attempts=1, now_s=0.0) is None
    assert not policy.enabled


def test_enabling_it_again_starts_the_count_anew() -> None:
    policy = DeliveryPolicy(Rules(counting=Counting.WEBHOOK))
    policy.failed(attempts=1, now_s=0.0)
    policy.disable()
    policy.enable()

    assert policy.failures_in_a_row == 0
    assert policy.failed(attempts=1, now_s=0.0) is not None


Outcomes = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60)


@given(outcomes=Outcomes, counting=st.sampled_from(Counting))
def test_no_notification_is_tried_more_than_three_times(
    outcomes: list[tuple[str, bool]], counting: Counting
) -> None:
    """A webhook that is enabled again at once: every attempt but the last earns another."""
    policy, attempts, over = DeliveryPolicy(Rules(counting=counting)), Counter[str](), set[str]()
    for name, succeeds in outcomes:
        if name in over:
            continue
        attempts[name] += 1
        retry = None
        if succeeds:
            policy.succeeded()
        else:
            retry = policy.failed(attempts=attempts[name], now_s=0.0)
        if retry is None:
            over.add(name)
        policy.enable() if not policy.enabled else None

    assert all(count <= 3 for count in attempts.values())


@given(outcomes=st.lists(st.booleans(), max_size=30))
def test_across_notifications_three_in_a_row_are_the_only_reason(outcomes: list[bool]) -> None:
    policy = DeliveryPolicy(Rules(counting=Counting.WEBHOOK))
    for succeeds in outcomes:
        if policy.enabled:
            policy.succeeded() if succeeds else policy.failed(attempts=1, now_s=0.0)

    text = "".join("+" if succeeds else "-" for succeeds in outcomes)
    assert policy.enabled == ("---" not in text)
