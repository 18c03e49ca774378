"""What holds of the debounce buffer whatever comes."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.debounce import (
    QUEUE_SLACK,
    DebounceBuffer,
    Pending,
    Timing,
)
from tests.clock import FakeClock
from tests.streams.examples import changed
from topics.due import Lane

TIMING = Timing(lead_s=0.5, quiet_s=2, delay_max_s=15, process_quiet_s=10, process_delay_max_s=120)
TICK_S = 0.25


@dataclass(frozen=True)
class Step:
    code: str
    process: str | None
    ends: str | None  # a process that ends just after
    pause_s: float
    event: str
    is_ours: bool
    partition: int


steps = st.builds(
    Step,
    code=st.sampled_from("abcd"),
    process=st.sampled_from([None, None, "p", "q"]),
    ends=st.sampled_from([None, None, None, "p", "q"]),
    pause_s=st.sampled_from([0, 0, 0.25, 0.5, 1.75, 2, 9.75, 15, 40]),
    event=st.sampled_from(["document.update", "document.create", "document.delete"]),
    is_ours=st.booleans(),
    partition=st.sampled_from([1, 1, 1, 2]),
)


def coalesce(given_steps: list[Step]) -> list[Pending[int]]:
    """Return what comes of notifications alone, as of those that were not acknowledged."""
    buffer = DebounceBuffer[int](TIMING, keys_max=10, clock=FakeClock())
    for receipt, step in enumerate(given_steps):
        notification = changed(step.code, event=step.event)
        buffer.add(
            notification,
            receipt,
            appended_s=0.0,
            is_ours=step.is_ours,
            partition=step.partition,
        )
    return buffer.pop_all()


@given(st.lists(steps, max_size=30), st.integers(min_value=1, max_value=5))
@settings(max_examples=60, deadline=None)
def test_every_receipt_comes_out_once_and_none_waits_too_long(
    given_steps: list[Step], keys_max: int
) -> None:
    clock = FakeClock()
    buffer = DebounceBuffer[int](TIMING, keys_max=keys_max, clock=clock)
    emitted: list[int] = []

    def pop() -> None:
        for entry in buffer.pop_due():
            receipts = sorted([entry.receipt, *entry.kept.receipts])
            emitted.extend(receipts)
            check(entry, clock())
            (again,) = coalesce([given_steps[receipt] for receipt in receipts])
            assert (again.created, again.delete) == (entry.created, entry.delete)
            assert again.moved is entry.moved
        assert not buffer.is_full

    def check(entry: Pending[int], now_s: float) -> None:
        longest_s = TIMING.delay_max_s if entry.lane is Lane.LIVE else TIMING.process_delay_max_s
        # A process's entry may turn into a live one when it is older than a live one gets.
        longest_s = max(longest_s, now_s - entry.newest_s)
        assert now_s - entry.first_s <= longest_s
        if entry.early:
            assert now_s - entry.first_s <= TIMING.lead_s
        quiet_s = TIMING.quiet_s if entry.lane is Lane.LIVE else TIMING.process_quiet_s
        assert now_s - entry.newest_s <= quiet_s

    for receipt, step in enumerate(given_steps):
        notification = changed(step.code, event=step.event, process=step.process)
        emitted += buffer.add(
            notification,
            receipt,
            appended_s=clock(),
            is_ours=step.is_ours,
            partition=step.partition,
        )
        if step.ends is not None:
            buffer.end_process(step.ends)
        pop()
        for _ in range(int(step.pause_s / TICK_S)):
            clock.advance(TICK_S)
            pop()
    for _ in range(int(TIMING.process_quiet_s / TICK_S)):
        clock.advance(TICK_S)
        pop()

    assert Counter(emitted) == Counter(range(len(given_steps)))
    assert len(buffer) == 0


def test_memory_is_bounded_when_hot_keys_are_pushed_out_of_a_full_buffer() -> None:
    clock = FakeClock()
    buffer = DebounceBuffer[int](TIMING, keys_max=20, clock=clock)
    for receipt in range(20_000):
        buffer.add(changed(str(receipt % 25), process="p"), receipt, appended_s=clock())
        if buffer.is_full:
            buffer.pop_due()
        clock.advance(0.001)

    assert len(buffer) <= 20
    assert len(buffer._queue) <= 2 * 20 + QUEUE_SLACK + 1  # noqa: SLF001  # what must not grow
    assert len(buffer._passed_on) <= 20  # noqa: SLF001  # ditto


def test_places_of_keys_that_have_gone_do_not_come_back() -> None:
    clock = FakeClock()
    buffer = DebounceBuffer[int](TIMING, keys_max=20, clock=clock)
    for receipt in range(500):
        buffer.add(changed(process=str(receipt)), receipt, appended_s=clock())
        buffer.end_process(str(receipt))  # a second place in the queue
        clock.advance(TIMING.lead_s)
        assert len(buffer.pop_due()) == 1

    clock.advance(TIMING.process_quiet_s)
    buffer.pop_due()
    assert len(buffer._queue) == 0  # noqa: SLF001  # what must not grow
