from streams.packing import BURST_FILL_S, BURST_KEYS, FILL_S, PackFill
from topics.due import Lane


def arrive(fill: PackFill, count: int, *, every_s: float, lane: Lane = Lane.LIVE) -> float:
    for number in range(count):
        fill.note(lane, number * every_s)
    return (count - 1) * every_s


def test_a_lone_edit_goes_at_once() -> None:
    fill = PackFill()

    assert fill.seconds(Lane.LIVE, 0) == FILL_S[Lane.LIVE]
    assert fill.seconds(Lane.LIVE, arrive(fill, 1, every_s=0)) == FILL_S[Lane.LIVE]


def test_one_of_a_burst_waits_for_its_like_until_the_burst_is_over() -> None:
    fill = PackFill()
    now_s = arrive(fill, BURST_KEYS, every_s=0.05)

    assert fill.seconds(Lane.LIVE, now_s) == BURST_FILL_S
    assert fill.seconds(Lane.LIVE, now_s + 1) == FILL_S[Lane.LIVE]


def test_as_many_over_a_longer_time_are_no_burst() -> None:
    fill = PackFill()
    now_s = arrive(fill, 5 * BURST_KEYS, every_s=0.2)

    assert fill.seconds(Lane.LIVE, now_s) == FILL_S[Lane.LIVE]


def test_other_lanes_make_no_burst_and_know_none() -> None:
    fill = PackFill()
    arrive(fill, BURST_KEYS, every_s=0, lane=Lane.PROCESS)
    assert fill.seconds(Lane.LIVE, 0) == FILL_S[Lane.LIVE]
    arrive(fill, BURST_KEYS, every_s=0)

    assert fill.seconds(Lane.PROCESS, 0) == FILL_S[Lane.PROCESS]
    assert fill.seconds(Lane.SCAN, 0) == FILL_S[Lane.SCAN]
