"""Pauses that double."""

from runtime.doubling import to_doubled_s


def test_a_pause_doubles_up_to_its_longest() -> None:
    pauses_s = [to_doubled_s(1.0, doublings, max_s=10.0) for doublings in range(-1, 6)]

    assert pauses_s == [1, 1, 2, 4, 8, 10, 10]


def test_however_long_an_outage_lasts_the_pause_can_be_told() -> None:
    assert to_doubled_s(1.0, 1_000_000, max_s=60.0) == 60
