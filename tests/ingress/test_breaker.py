"""When Kafka is not worth waiting for."""

from hypothesis import given
from hypothesis import strategies as st

from ingress.breaker import Breaker


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(failures_max=3)
    for _ in range(2):
        breaker.failed(0.0)
    breaker.succeeded()
    breaker.failed(0.0)
    breaker.failed(0.0)
    assert not breaker.is_open

    breaker.failed(0.0)
    assert breaker.is_open


def test_a_late_success_of_a_call_does_not_close_it() -> None:
    breaker = Breaker(failures_max=1)
    breaker.failed(0.0)
    breaker.succeeded()

    assert breaker.is_open


def test_the_pause_between_probes_doubles_up_to_its_maximum() -> None:
    breaker = Breaker(failures_max=1, pause_s=0.5, pause_max_s=1.5)
    breaker.failed(10.0)

    assert not breaker.may_probe(10.4)
    assert breaker.may_probe(10.5)
    breaker.probe_failed(10.5)
    assert not breaker.may_probe(11.4)
    assert breaker.may_probe(11.5)
    breaker.probe_failed(11.5)
    assert not breaker.may_probe(12.9)
    assert breaker.may_probe(13.0)


def test_a_probe_closes_it_and_the_next_outage_starts_with_the_short_pause() -> None:
    breaker = Breaker(failures_max=1, pause_s=0.5)
    breaker.failed(0.0)
    breaker.probe_failed(0.5)
    breaker.close()
    assert not breaker.is_open
    assert not breaker.may_probe(99.0)

    breaker.failed(100.0)
    assert breaker.may_probe(100.5)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["succeeded", "failed", "probe_failed", "close"]),
        st.floats(min_value=0, max_value=10),
    ),
    max_size=50,
)


@given(_STEPS)
def test_an_open_breaker_always_allows_a_probe_within_the_longest_pause(
    steps: list[tuple[str, float]],
) -> None:
    breaker = Breaker()
    now_s = 0.0
    for step, pause_s in steps:
        now_s += pause_s
        if step == "succeeded":
            breaker.succeeded()
        elif step == "failed":
            breaker.failed(now_s)
        elif step == "close":
            breaker.close()
        elif breaker.is_open:
            breaker.probe_failed(now_s)

    assert breaker.is_open == breaker.may_probe(now_s + breaker.pause_max_s)
