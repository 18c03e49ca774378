from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pim.pace import BreakerState, Pace

RTT_S = 0.125


@dataclass
class Road:
    """Sends as many requests as the pace lets it, all of which take one round trip."""

    pace: Pace
    now_s: float = 1_000.0
    widths: list[int] = field(default_factory=list)

    def trip(self, *, trouble: Callable[[int], bool] = lambda _: False) -> None:
        """Start all that may start, then end them all one round trip later."""
        started_s, count = self.now_s, 0
        while self.pace.try_start(started_s):
            count += 1
        self.now_s += RTT_S
        for number in range(count):
            self.pace.finish(self.now_s, started_s=started_s, trouble=trouble(number))
        self.widths.append(count)


def new_pace(*, concurrency_max: int = 8, trouble_max: int = 5, jitter: float = 1.0) -> Pace:
    return Pace(
        concurrency_max=concurrency_max,
        trouble_max=trouble_max,
        pause_first_s=1,
        pause_max_s=60,
        jitter=lambda: jitter,
    )


def test_good_answers_widen_it_by_about_one_per_round_trip_up_to_the_maximum() -> None:
    road = Road(new_pace(concurrency_max=4))
    for _ in range(8):
        road.trip()

    assert road.widths[:2] == [1, 2]
    assert all(
        after - before in {0, 1}
        for before, after in zip(road.widths, road.widths[1:], strict=False)
    )
    assert road.widths[-1] == 4


def test_a_concurrency_that_is_not_used_does_not_grow() -> None:
    pace = new_pace()
    Road(pace).trip()
    before = pace.concurrency
    for second in range(2_000, 2_100):
        assert pace.try_start(second)
        pace.finish(second + RTT_S, started_s=second, trouble=False)

    assert before == pace.concurrency == 2


def test_trouble_halves_it_once_per_round_trip() -> None:
    pace = new_pace(trouble_max=100)
    road = Road(pace)
    for _ in range(20):
        road.trip()
    assert pace.concurrency == 8

    road.trip(trouble=lambda _: True)
    assert pace.concurrency == 4
    road.trip(trouble=lambda _: True)
    assert pace.concurrency == 2
    for _ in range(5):
        road.trip(trouble=lambda _: True)
    assert pace.concurrency == 1


def test_a_wait_that_the_pim_asks_for_is_kept() -> None:
    pace = new_pace()
    assert pace.try_start(0)
    pace.finish(1, started_s=0, trouble=True, retry_after_s=30)

    assert pace.wait_s(11) == 20
    assert not pace.try_start(30.9)
    assert pace.wait_s(31) == 0
    assert pace.try_start(31)


def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    pace = new_pace()
    road = Road(pace)
    road.trip()
    started_s = road.now_s
    assert pace.try_start(started_s)
    assert pace.try_start(started_s)
    pace.finish(started_s, started_s=started_s, trouble=True, retry_after_s=30)
    pace.finish(started_s + 1, started_s=started_s, trouble=True, retry_after_s=2)

    assert pace.wait_s(started_s + 1) == 29


def test_the_breaker_opens_after_troubles_in_a_row_and_lets_one_through_after_its_pause() -> None:
    pace = new_pace(trouble_max=3)
    for second in range(3):
        assert pace.state(second) is BreakerState.CLOSED
        assert pace.try_start(second)
        pace.finish(second, started_s=second, trouble=True)

    assert pace.state(2) is BreakerState.OPEN
    assert not pace.try_start(2.9)
    assert pace.state(3) is BreakerState.HALF_OPEN
    assert pace.try_start(3)
    assert not pace.try_start(3)


def test_one_good_answer_closes_the_breaker() -> None:
    pace = new_pace(trouble_max=1)
    assert pace.try_start(0)
    pace.finish(0, started_s=0, trouble=True)
    assert pace.try_start(1)
    pace.finish(1.1, started_s=1, trouble=False)

    assert pace.state(1.1) is BreakerState.CLOSED
    assert pace.try_start(1.1)


def test_the_pauses_of_an_outage_double_up_to_the_longest() -> None:
    pace, now_s, pauses = new_pace(trouble_max=1), 0.0, []
    for _ in range(9):
        assert pace.try_start(now_s)
        pace.finish(now_s, started_s=now_s, trouble=True)
        pauses.append(pace.wait_s(now_s))
        now_s += pauses[-1]

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_requests_that_fail_together_open_the_breaker_once() -> None:
    pace = new_pace(trouble_max=2)
    road = Road(pace)
    for _ in range(20):
        road.trip()
    road.trip(trouble=lambda _: True)

    assert road.widths[-1] == 8
    assert pace.wait_s(road.now_s) == 1


def test_a_request_that_was_given_up_makes_room_and_tells_nothing() -> None:
    pace = new_pace()
    assert pace.try_start(0)
    pace.cancel()

    assert (pace.running, pace.concurrency, pace.wait_s(0)) == (0, 1, 0)


class Traffic(RuleBasedStateMachine):
    """Requests that start and end in any order, with any luck."""

    def __init__(self) -> None:
        super().__init__()
        self.jitter = 0.5
        self.pace = Pace(
            concurrency_max=4,
            trouble_max=3,
            pause_first_s=1,
            pause_max_s=10,
            jitter=lambda: self.jitter,
        )
        self.now_s = 0.0
        self.running: list[float] = []
        self.good = 0

    @rule(seconds=st.floats(min_value=0, max_value=20), jitter=st.floats(min_value=0, max_value=1))
    def wait(self, seconds: float, jitter: float) -> None:
        self.now_s += seconds
        self.jitter = jitter

    @rule()
    def start(self) -> None:
        state, waits = self.pace.state(self.now_s), self.pace.wait_s(self.now_s) > 0
        if self.pace.try_start(self.now_s):
            assert not waits
            assert state is not BreakerState.OPEN
            assert state is BreakerState.CLOSED or not self.running
            self.running.append(self.now_s)
        else:
            assert waits or self.running  # it never refuses for no reason

    @precondition(lambda self: self.running)
    @rule(
        data=st.data(),
        trouble=st.booleans(),
        retry_after_s=st.none() | st.floats(min_value=0, max_value=30),
    )
    def end(self, data: st.DataObject, trouble: bool, retry_after_s: float | None) -> None:
        started_s = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        before = self.pace.concurrency
        self.pace.finish(
            self.now_s, started_s=started_s, trouble=trouble, retry_after_s=retry_after_s
        )
        if not trouble:
            assert before <= self.pace.concurrency <= before + 1
            assert self.pace.state(self.now_s) is BreakerState.CLOSED
        else:
            assert max(1, before // 2) <= self.pace.concurrency <= before
            assert self.pace.wait_s(self.now_s) >= (retry_after_s or 0) - 1e-6

    @precondition(lambda self: self.running)
    @rule()
    def give_up(self) -> None:
        self.running.pop()
        self.pace.cancel()

    @invariant()
    def limits_hold(self) -> None:
        assert self.pace.running == len(self.running) <= 4
        assert 1 <= self.pace.concurrency <= 4
        assert self.pace.wait_s(self.now_s) <= 30 + 1e-6  # the sum of two floats, less one of them


TestTraffic = Traffic.TestCase
