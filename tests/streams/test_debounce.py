"""When a resource is due, and what is known of it by then."""

import pytest

from streams.debounce import DebounceBuffer, Timing
from tests.clock import FakeClock
from tests.streams.examples import changed
from topics.due import UUIDS_MAX, Lane

TIMING = Timing(lead_s=0.5, quiet_s=2, delay_max_s=15)

Buffer = DebounceBuffer[int]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def buffer(clock: FakeClock) -> Buffer:
    return Buffer(TIMING, keys_max=100, clock=clock)


def receipts(buffer: Buffer) -> list[int]:
    return [entry.receipt for entry in buffer.pop_due()]


def pass_on(buffer: Buffer, clock: FakeClock, code: str = "a") -> None:
    """Let a lone edit go by, so that what follows is debounced."""
    buffer.add(changed(code), -1, appended_s=clock())
    clock.advance(TIMING.lead_s)
    assert receipts(buffer) == [-1]


def test_a_lone_edit_is_due_early_after_the_lead(buffer: Buffer, clock: FakeClock) -> None:
    buffer.add(changed(), 1, appended_s=clock())
    clock.advance(0.25)

    assert buffer.pop_due() == []
    clock.advance(0.25)
    (entry,) = buffer.pop_due()
    assert (entry.receipt, entry.early, entry.lane, len(buffer)) == (1, True, Lane.LIVE, 0)


def test_duplicates_within_the_lead_cost_no_second_due_record(
    buffer: Buffer, clock: FakeClock
) -> None:
    buffer.add(changed(), 1, appended_s=clock())
    clock.advance(0.25)

    assert buffer.add(changed(), 2, appended_s=clock()) == [1]
    clock.advance(0.25)
    (entry,) = buffer.pop_due()
    assert (entry.receipt, entry.early, entry.count) == (2, True, 2)
    clock.advance(60)
    assert buffer.pop_due() == []


def test_what_follows_an_early_one_is_debounced(buffer: Buffer, clock: FakeClock) -> None:
    pass_on(buffer, clock)
    for receipt in range(3):
        buffer.add(changed(), receipt, appended_s=clock())
        clock.advance(1)

    assert buffer.pop_due() == []
    clock.advance(1)
    (entry,) = buffer.pop_due()
    assert (entry.receipt, entry.early, entry.count) == (2, False, 3)


def test_a_burst_is_due_at_last_once_its_first_is_delay_max_old(
    buffer: Buffer, clock: FakeClock
) -> None:
    pass_on(buffer, clock)
    for receipt in range(15):
        buffer.add(changed(), receipt, appended_s=clock())
        assert buffer.pop_due() == []
        clock.advance(1)

    assert receipts(buffer) == [14]


def test_a_resource_is_idle_again_delay_max_after_it_was_passed_on(
    buffer: Buffer, clock: FakeClock
) -> None:
    pass_on(buffer, clock)
    clock.advance(TIMING.delay_max_s)

    pass_on(buffer, clock)


def test_a_rebalance_does_not_restart_the_wait(buffer: Buffer, clock: FakeClock) -> None:
    pass_on(buffer, clock)
    stored_s = clock()
    buffer.add(changed(), 1, appended_s=stored_s)
    clock.advance(1)
    buffer.clear()
    clock.advance(13)
    buffer.add(changed(), 2, appended_s=stored_s)  # delivered again

    assert (len(buffer), buffer.pop_due()) == (1, [])
    clock.advance(1)
    (entry,) = buffer.pop_due()
    assert (entry.receipt, entry.first_s) == (2, stored_s)


def test_a_broker_whose_clock_is_ahead_does_not_make_a_hot_key_wait(
    buffer: Buffer, clock: FakeClock
) -> None:
    pass_on(buffer, clock)
    for receipt in range(15):
        buffer.add(changed(), receipt, appended_s=clock() + 3_600)
        clock.advance(1)

    assert receipts(buffer) == [14]


def test_what_a_process_changes_waits_longer_and_is_never_early(
    buffer: Buffer, clock: FakeClock
) -> None:
    buffer.add(changed(process="p"), 1, appended_s=clock())
    clock.advance(9)
    buffer.add(changed(process="p"), 2, appended_s=clock())
    clock.advance(9)

    assert buffer.pop_due() == []
    clock.advance(1)
    (entry,) = buffer.pop_due()
    assert (entry.receipt, entry.lane, entry.early) == (2, Lane.PROCESS, False)


def test_what_a_process_changes_again_and_again_waits_120_s_at_most(
    buffer: Buffer, clock: FakeClock
) -> None:
    for receipt in range(24):
        buffer.add(changed(process="p"), receipt, appended_s=clock())
        assert buffer.pop_due() == []
        clock.advance(5)

    assert receipts(buffer) == [23]


def test_the_end_of_a_process_lets_go_of_what_waits_for_it(
    buffer: Buffer, clock: FakeClock
) -> None:
    buffer.add(changed("a", process="p"), 1, appended_s=clock())
    buffer.add(changed("b", process="q"), 2, appended_s=clock())
    buffer.end_process("p")
    clock.advance(TIMING.lead_s)

    assert receipts(buffer) == [1]


def test_what_still_comes_of_an_ended_process_waits_only_briefly(
    buffer: Buffer, clock: FakeClock
) -> None:
    buffer.end_process("p")
    buffer.add(changed(process="p"), 1, appended_s=clock())
    clock.advance(TIMING.lead_s)

    assert receipts(buffer) == [1]


def test_the_end_of_a_process_is_forgotten_in_the_end(buffer: Buffer, clock: FakeClock) -> None:
    buffer.end_process("p")
    clock.advance(120)
    assert buffer.pop_due() == []
    buffer.add(changed(process="p"), 1, appended_s=clock())
    clock.advance(9)

    assert buffer.pop_due() == []


def test_the_end_of_a_process_does_not_hold_up_what_is_about_to_go(
    buffer: Buffer, clock: FakeClock
) -> None:
    buffer.add(changed(process="p"), 1, appended_s=clock())
    clock.advance(9.75)
    buffer.end_process("p")
    clock.advance(0.25)

    assert receipts(buffer) == [1]


def test_an_edit_by_hand_takes_a_resource_out_of_its_process(
    buffer: Buffer, clock: FakeClock
) -> None:
    buffer.add(changed(process="p"), 1, appended_s=clock())
    clock.advance(1)
    buffer.add(changed(), 2, appended_s=clock())
    buffer.add(changed(process="p"), 3, appended_s=clock())
    clock.advance(2)

    (entry,) = buffer.pop_due()
    assert (entry.receipt, entry.lane, entry.process_id) == (3, Lane.LIVE, None)


def test_the_newest_process_is_the_one_that_is_waited_for(buffer: Buffer, clock: FakeClock) -> None:
    buffer.add(changed(process="p"), 1, appended_s=clock())
    buffer.add(changed(process="q"), 2, appended_s=clock())
    buffer.end_process("p")
    clock.advance(1)

    assert buffer.pop_due() == []
    buffer.end_process("q")
    clock.advance(0.5)
    assert receipts(buffer) == [2]


def test_a_notification_that_must_wait_waits_and_is_not_early(
    buffer: Buffer, clock: FakeClock
) -> None:
    buffer.add(changed(), 1, appended_s=clock(), not_before_s=clock() + 30)
    clock.advance(29)

    assert buffer.pop_due() == []
    clock.advance(1)
    (entry,) = buffer.pop_due()
    assert (entry.receipt, entry.early) == (1, False)


def test_an_edit_does_not_wait_with_one_that_must_wait(buffer: Buffer, clock: FakeClock) -> None:
    buffer.add(changed(), 1, appended_s=clock(), not_before_s=clock() + 30)
    buffer.add(changed(), 2, appended_s=clock())
    clock.advance(2)

    assert receipts(buffer) == [2]


def test_a_moment_that_has_passed_shortens_nothing(buffer: Buffer, clock: FakeClock) -> None:
    buffer.add(changed(), 1, appended_s=clock(), not_before_s=clock() - 30)
    clock.advance(1)

    assert buffer.pop_due() == []
    clock.advance(1)
    assert receipts(buffer) == [1]


def test_a_full_buffer_lets_go_of_its_oldest(clock: FakeClock) -> None:
    buffer = Buffer(TIMING, keys_max=10, clock=clock)
    for receipt in range(9):
        buffer.add(changed(str(receipt), process="p"), receipt, appended_s=clock())
    assert (buffer.is_full, buffer.pop_due()) == (False, [])
    buffer.add(changed("9", process="p"), 9, appended_s=clock())

    assert (buffer.is_full, receipts(buffer)) == (True, [0])
    assert (buffer.is_full, len(buffer)) == (False, 9)


def test_one_key_of_two_makes_room(clock: FakeClock) -> None:
    buffer = Buffer(TIMING, keys_max=1, clock=clock)
    for receipt, code in enumerate("ab"):
        buffer.add(changed(code, process="p"), receipt, appended_s=clock())

    assert receipts(buffer) == [0, 1]


def test_everything_is_let_go_when_the_worker_stops(buffer: Buffer, clock: FakeClock) -> None:
    buffer.add(changed("a"), 1, appended_s=clock())
    buffer.add(changed("b", process="p"), 2, appended_s=clock())

    assert [entry.receipt for entry in buffer.pop_all()] == [1, 2]
    assert len(buffer) == 0


def test_locales_are_united_with_first_and_last_time(buffer: Buffer, clock: FakeClock) -> None:
    start_s = clock()
    buffer.add(changed(updated=("fr_FR",)), 1, appended_s=start_s)
    buffer.add(changed(updated=("en_GB",), inherited=("fr_FR",)), 2, appended_s=start_s + 0.25)

    (entry,) = buffer.pop_all()
    assert entry.locales == {
        "fr_FR": (start_s, start_s + 0.25),
        "en_GB": (start_s + 0.25, start_s + 0.25),
    }
    assert (entry.first_s, entry.newest_s) == (start_s, start_s + 0.25)


def test_the_first_uuids_are_named_and_all_are_counted(buffer: Buffer, clock: FakeClock) -> None:
    for number in range(UUIDS_MAX + 5):
        buffer.add(changed(uuid=str(number)), number, appended_s=clock())

    (entry,) = buffer.pop_all()
    assert entry.uuids == [str(number) for number in range(UUIDS_MAX)]
    assert entry.count == UUIDS_MAX + 5


@pytest.mark.parametrize(
    ("partitions", "moved"), [((3, 3, 3), False), ((3, 4, 4), True), ((3, 4, 3), True)]
)
def test_what_lies_in_two_partitions_has_moved(
    buffer: Buffer, clock: FakeClock, partitions: tuple[int, ...], moved: bool
) -> None:
    for receipt, partition in enumerate(partitions):
        buffer.add(changed(), receipt, appended_s=clock(), partition=partition)

    (entry,) = buffer.pop_all()
    assert entry.moved is moved


def test_the_same_code_of_two_kinds_are_two_resources(buffer: Buffer, clock: FakeClock) -> None:
    buffer.add(changed(event="document.update"), 1, appended_s=clock())

    assert buffer.add(changed(event="media.update"), 2, appended_s=clock()) == []
    assert len(buffer) == 2


@pytest.mark.parametrize(("lead_s", "quiet_s", "delay_max_s"), [(0, 2, 15), (3, 2, 15), (1, 2, 1)])
def test_times_that_contradict_each_other_are_a_mistake(
    lead_s: float, quiet_s: float, delay_max_s: float
) -> None:
    with pytest.raises(AssertionError):
        Timing(lead_s, quiet_s, delay_max_s)
