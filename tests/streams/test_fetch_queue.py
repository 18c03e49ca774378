"""What waits to be fetched."""

from typing import Any

import pytest

from pim.kinds import Kind
from streams.fetch_queue import FetchQueue, Waiting
from tests.streams.examples import to_due_record
from topics.due import Lane

Queue = FetchQueue[int]


@pytest.fixture
def queue() -> Queue:
    return Queue()


def add(queue: Queue, code: str, receipt: int, *, now_s: float = 0.0, **fields: Any) -> int | None:
    held_until_s = fields.pop("held_until_s", 0.0)
    record = to_due_record(code, offset=receipt, **fields)
    superseded = queue.add(record, receipt, now_s=now_s, held_until_s=held_until_s)
    assert len(superseded) <= 1
    return superseded[0] if superseded else None


def take_first(queue: Queue) -> Waiting[int]:
    first = queue.first()
    assert first is not None
    queue.take([first])
    return first


def codes(queue: Queue) -> list[str]:
    """Take everything that is ready, one by one."""
    taken = []
    while (first := queue.first()) is not None:
        queue.take([first])
        taken.append(first.record.code)
    return taken


def test_the_oldest_of_the_most_urgent_lane_comes_first(queue: Queue) -> None:
    add(queue, "scan", 1, now_s=1, lane=Lane.SCAN)
    add(queue, "process", 2, now_s=2, lane=Lane.PROCESS)
    add(queue, "asset", 3, now_s=3, kind=Kind.ASSET)
    add(queue, "document", 4, now_s=4)
    add(queue, "variant", 5, now_s=5, kind=Kind.VARIANT)

    assert queue.sizes() == {Lane.LIVE: 3, Lane.PROCESS: 1, Lane.SCAN: 1}
    scan = queue.first_of(Lane.SCAN)
    assert (scan and scan.receipt) == 1
    assert codes(queue) == ["asset", "document", "variant", "process", "scan"]


def test_an_empty_queue_has_nothing(queue: Queue) -> None:
    assert (len(queue), queue.first(), queue.next_release_s()) == (0, None, None)
    assert queue.first_of(Lane.LIVE) is None
    queue.release(1_000)


def test_records_of_one_key_are_merged_and_keep_their_turn(queue: Queue) -> None:
    add(queue, "a", 1, now_s=1)
    add(queue, "b", 2, now_s=2)

    assert add(queue, "a", 3, now_s=3, delete=True) == 1
    first = take_first(queue)
    assert (first.record.code, first.receipt) == ("a", 3)
    assert (first.record.delete, first.record.notifications) == (True, 2)


def test_a_more_urgent_record_takes_its_key_along(queue: Queue) -> None:
    add(queue, "a", 1, lane=Lane.SCAN)

    assert add(queue, "a", 2, lane=Lane.LIVE) == 1
    assert queue.sizes() == {Lane.LIVE: 1, Lane.PROCESS: 0, Lane.SCAN: 0}
    assert take_first(queue).receipt == 2


def test_a_less_urgent_record_does_not_hold_its_key_back(queue: Queue) -> None:
    add(queue, "a", 1, lane=Lane.LIVE)
    add(queue, "a", 2, lane=Lane.SCAN)

    assert take_first(queue).record.lane is Lane.LIVE


def test_what_is_held_only_coalesces_until_its_moment(queue: Queue) -> None:
    add(queue, "a", 1, held_until_s=2)
    add(queue, "a", 2, now_s=1, held_until_s=3)

    assert (queue.first(), queue.next_release_s()) == (None, 2)
    queue.release(1.5)
    assert queue.first() is None
    queue.release(2)
    assert take_first(queue).receipt == 2


def test_a_record_that_need_not_wait_frees_what_is_held(queue: Queue) -> None:
    add(queue, "a", 1, held_until_s=2)

    assert add(queue, "a", 2, now_s=1) == 1
    assert take_first(queue).receipt == 2


def test_a_record_that_waits_less_shortens_the_wait(queue: Queue) -> None:
    add(queue, "a", 1, held_until_s=30)
    add(queue, "a", 2, now_s=1, held_until_s=3)

    assert queue.next_release_s() == 3
    queue.release(3)
    assert take_first(queue).receipt == 2


def test_a_key_is_never_fetched_twice_at_once(queue: Queue) -> None:
    add(queue, "a", 1)
    busy = take_first(queue)

    assert add(queue, "a", 2) is None
    assert (queue.first(), len(queue)) == (None, 2)
    assert add(queue, "a", 3) == 2
    queue.done(busy, now_s=1)
    assert (take_first(queue).receipt, len(queue)) == (3, 1)


def test_what_is_held_behind_a_fetch_stays_held_after_it(queue: Queue) -> None:
    add(queue, "a", 1)
    busy = take_first(queue)
    add(queue, "a", 2, held_until_s=10)
    queue.done(busy, now_s=1)

    assert queue.first() is None
    queue.release(10)
    assert take_first(queue).receipt == 2


def test_what_is_put_back_waits_again(queue: Queue) -> None:
    add(queue, "a", 1)
    busy = take_first(queue)

    assert queue.put_back(busy, now_s=1, held_until_s=5) == []
    assert queue.first() is None
    queue.release(5)
    assert take_first(queue) is busy


def test_what_came_meanwhile_takes_over_what_is_put_back(queue: Queue) -> None:
    add(queue, "a", 1, lane=Lane.SCAN)
    busy = take_first(queue)
    add(queue, "a", 2, lane=Lane.LIVE, delete=True)

    assert queue.put_back(busy, now_s=1, held_until_s=0) == [1]
    again = take_first(queue)
    assert (again.receipt, again.record.lane, again.record.delete) == (2, Lane.LIVE, True)


def test_while_the_pim_does_not_answer_a_newer_record_waits_too(queue: Queue) -> None:
    add(queue, "a", 1)
    busy = take_first(queue)
    busy.attempts = 1
    add(queue, "a", 2)
    queue.put_back(busy, now_s=1, held_until_s=5)
    add(queue, "a", 3, now_s=2)

    assert queue.first() is None
    queue.release(5)
    assert take_first(queue).receipt == 3


@pytest.mark.parametrize("meanwhile", [True, False])
def test_a_newer_record_does_not_wait_for_a_404_to_be_confirmed(
    queue: Queue, meanwhile: bool
) -> None:
    add(queue, "a", 1)
    busy = take_first(queue)
    busy.missing_since_s = 1
    if meanwhile:
        add(queue, "a", 2, now_s=1, delete=True)
    queue.put_back(busy, now_s=1, held_until_s=31)
    if not meanwhile:
        add(queue, "a", 2, now_s=1, delete=True)

    assert take_first(queue).receipt == 2


@pytest.mark.parametrize("meanwhile", [True, False])
def test_a_404_from_before_a_newer_record_confirms_nothing(queue: Queue, meanwhile: bool) -> None:
    add(queue, "a", 1)
    busy = take_first(queue)
    busy.missing_since_s = 1
    if meanwhile:
        add(queue, "a", 2, now_s=30)
    queue.put_back(busy, now_s=30, held_until_s=31)
    if not meanwhile:
        add(queue, "a", 2, now_s=30)

    assert take_first(queue).missing_since_s is None


def test_after_a_drop_nothing_is_left_and_a_late_fetch_changes_nothing(queue: Queue) -> None:
    add(queue, "busy", 1)
    busy = take_first(queue)
    add(queue, "busy", 2)
    add(queue, "ready", 3)
    add(queue, "held", 4, held_until_s=9)
    queue.clear()

    assert (len(queue), queue.first(), queue.next_release_s()) == (0, None, None)
    add(queue, "busy", 5)
    again = take_first(queue)
    queue.done(busy, now_s=1)
    assert queue.put_back(busy, now_s=1, held_until_s=0) == []
    assert (len(queue), queue.first()) == (1, None)
    queue.done(again, now_s=2)
    assert len(queue) == 0


def test_all_lanes_of_one_kind_share_a_request(queue: Queue) -> None:
    add(queue, "scan", 1, lane=Lane.SCAN)
    add(queue, "other", 2, kind=Kind.ASSET)
    add(queue, "live", 3, now_s=1)
    add(queue, "first", 4)
    first = queue.first()
    assert first is not None
    assert (first.record.code, first.key) == ("other", "asset:other")
    queue.take([first])
    first = queue.first()
    assert first is not None

    assert [w.record.code for w in queue.waiting_with(first)] == ["live", "first", "scan"]
    assert queue.count_with(first) == 3


def test_what_could_not_be_read_shares_no_request(queue: Queue) -> None:
    for code in "abc":
        add(queue, code, 1)
    first = take_first(queue)
    first.alone = True
    queue.put_back(first, now_s=0, held_until_s=0)
    together = queue.first()
    assert together is not None

    assert [w.record.code for w in queue.waiting_with(together)] == ["b", "c"]
    assert list(queue.waiting_with(first)) == [first]


def test_what_alone_says_that_a_resource_is_new_is_superseded_by_nothing(queue: Queue) -> None:
    assert add(queue, "a", 1, created=True) is None
    assert add(queue, "a", 2) is None
    assert add(queue, "a", 3) == 2
    taken = take_first(queue)

    assert (taken.receipt, taken.kept.receipts, taken.record.created) == (3, [1], True)


def test_what_says_so_and_came_during_a_fetch_is_kept_too(queue: Queue) -> None:
    add(queue, "a", 1, created=True)
    add(queue, "a", 2)
    taken = take_first(queue)
    add(queue, "a", 3, created=True)
    add(queue, "a", 4)

    assert queue.put_back(taken, now_s=0, held_until_s=0) == [1, 2]
    assert (taken.receipt, taken.kept.receipts) == (4, [3])


def test_a_record_of_ours_does_not_take_a_delete_back(queue: Queue) -> None:
    assert add(queue, "a", 1, delete=True) is None
    assert add(queue, "a", 2, ours=True) is None
    assert add(queue, "a", 3, ours=True) == 2
    taken = take_first(queue)

    assert (taken.receipt, taken.kept.receipts, taken.record.delete) == (3, [1], True)


def test_a_delete_that_came_during_a_fetch_is_not_taken_back_either(queue: Queue) -> None:
    add(queue, "a", 1)
    taken = take_first(queue)
    add(queue, "a", 2, delete=True)
    add(queue, "a", 3, ours=True)
    assert queue.put_back(taken, now_s=0, held_until_s=0) == [1]
    assert add(queue, "a", 4, ours=True) == 3

    assert (taken.kept.receipts, taken.record.delete) == ([2], True)


def test_what_alone_names_another_partition_is_superseded_by_nothing(queue: Queue) -> None:
    assert add(queue, "a", 1, partition=1) is None
    assert add(queue, "a", 2, partition=2) is None
    assert add(queue, "a", 3, partition=2) == 2
    taken = take_first(queue)

    assert (taken.receipt, taken.kept.receipts, taken.record.moved) == (3, [1], True)


def test_the_pims_own_record_takes_a_delete_back(queue: Queue) -> None:
    add(queue, "a", 1, delete=True)
    add(queue, "a", 2, ours=True)
    superseded = queue.add(to_due_record("a", offset=3), 3, now_s=0)

    assert superseded == [1, 2]
    assert not take_first(queue).record.delete
