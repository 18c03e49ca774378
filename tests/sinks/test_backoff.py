import pytest

from sinks.backoff import FIRST_S, MAX_S, Backoff


def test_it_doubles_with_each_failure_up_to_its_maximum() -> None:
    backoff = Backoff(random=lambda: 1.0)

    assert [backoff.fail() for _ in range(7)] == pytest.approx(
        [FIRST_S, 0.2, 0.4, 0.8, 1.6, MAX_S, MAX_S]
    )


def test_a_success_begins_anew() -> None:
    backoff = Backoff(random=lambda: 1.0)
    backoff.fail()
    backoff.fail()
    backoff.succeed()

    assert backoff.fail() == FIRST_S


def test_half_of_it_is_chance() -> None:
    assert Backoff(random=lambda: 0.0).fail() == FIRST_S / 2


def test_it_never_gives_up() -> None:
    backoff = Backoff(random=lambda: 1.0)

    assert all(backoff.fail() <= MAX_S for _ in range(5_000))
