import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.batches import DOCUMENTS_MIN, BatchFormer
from sinks.writes import Write
from tests.clock import FakeClock

Former = BatchFormer[int]


def write(id_: str, version: int = 1, *, size: int = 0) -> Write:
    return Write("alias", id_, version, b"x" * size)


def former(clock: FakeClock, *, documents_max: int = 3, bytes_max: int = 10_000) -> Former:
    return BatchFormer(
        clock=clock,
        documents_max=documents_max,
        bytes_max=bytes_max,
        wait_s=0.1,
        held_documents_max=20,
        held_bytes_max=20_000,
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def taken(former: Former, *, now: bool = False) -> list[list[int]]:
    return [entry.receipts for entry in former.take(now=now)]


def test_a_batch_is_due_once_its_oldest_document_has_waited(clock: FakeClock) -> None:
    held = former(clock)
    assert held.due_in_s() is None
    held.add(write("a"), 1)
    clock.advance(0.06)
    held.add(write("b"), 2)

    assert held.due_in_s() == pytest.approx(0.04)
    assert taken(held) == []
    clock.advance(0.05)
    assert held.due_in_s() == 0
    assert taken(held) == [[1], [2]]


def test_a_full_batch_is_due_at_once(clock: FakeClock) -> None:
    held = former(clock)
    for number, id_ in enumerate("abcd"):
        held.add(write(id_), number)

    assert held.due_in_s() == 0
    assert taken(held) == [[0], [1], [2]]
    assert taken(held) == []


def test_bytes_make_a_batch_full_too(clock: FakeClock) -> None:
    held = former(clock)
    for number, id_ in enumerate("abc"):
        held.add(write(id_, size=4_500), number)

    assert taken(held) == [[0], [1]]
    assert taken(held) == []


def test_a_document_larger_than_a_batch_goes_alone(clock: FakeClock) -> None:
    held = former(clock)
    held.add(write("a", size=15_000), 1)
    held.add(write("b"), 2)

    assert taken(held) == [[1]]


def test_whatever_waits_is_taken_now_if_asked(clock: FakeClock) -> None:
    held = former(clock)
    held.add(write("a"), 1)

    assert taken(held, now=True) == [[1]]


def test_a_newer_write_replaces_a_waiting_one_and_settles_its_record_too(clock: FakeClock) -> None:
    held = former(clock)
    held.add(write("a", 1), 1)
    clock.advance(0.09)
    held.add(write("a", 2), 2)
    clock.advance(0.02)
    batch = held.take()

    assert [(entry.write.version, entry.receipts) for entry in batch] == [(2, [1, 2])]


def test_an_older_write_waits_behind_the_newer_one(clock: FakeClock) -> None:
    held = former(clock)
    held.add(write("a", 2), 1)
    held.add(write("a", 1), 2)
    first = held.take(now=True)

    assert [entry.receipts for entry in first] == [[1]]
    assert held.take(now=True) == []
    held.settle(first)
    assert taken(held, now=True) == [[2]]


def test_no_document_is_in_two_batches_at_once(clock: FakeClock) -> None:
    held = former(clock)
    held.add(write("a", 1), 1)
    first = held.take(now=True)
    held.add(write("a", 2), 2)
    held.add(write("b"), 3)

    assert taken(held, now=True) == [[3]]
    assert held.due_in_s() is None
    held.settle(first)
    assert taken(held, now=True) == [[2]]


def test_what_is_given_back_comes_before_what_followed_it(clock: FakeClock) -> None:
    held = former(clock)
    held.add(write("a", 2), 1)
    first = held.take(now=True)
    held.add(write("a", 1), 2)
    held.give_back(first)

    assert taken(held, now=True) == [[1]]


def test_what_is_given_back_is_superseded_by_what_is_newer(clock: FakeClock) -> None:
    held = former(clock)
    held.add(write("a", 1), 1)
    first = held.take(now=True)
    held.add(write("a", 2), 2)
    held.give_back(first)
    batch = held.take(now=True)

    assert [(entry.write.version, entry.receipts) for entry in batch] == [(2, [1, 2])]


def test_what_is_forgotten_is_not_written_again(clock: FakeClock) -> None:
    held = former(clock)
    held.add(write("a"), 1)
    held.add(write("b"), 2)
    first = held.take(now=True)
    held.add(write("c"), 3)
    held.drop()

    assert held.take(now=True) == []
    assert [entry.receipts for entry in first] == [[], []]
    held.add(write("a"), 4)
    assert held.take(now=True) == []
    held.give_back(first)
    assert taken(held, now=True) == [[4]]


def test_it_is_full_by_count_or_bytes_in_flight_included(clock: FakeClock) -> None:
    by_count, by_bytes = former(clock), former(clock)
    seen = []
    for number in range(20):
        seen.append(by_count.is_full)
        by_count.add(write(str(number)), number)
    seen.append(by_count.is_full)
    batch = by_count.take()
    seen.append(by_count.is_full)
    by_count.settle(batch)
    seen.append(by_count.is_full)
    by_bytes.add(write("a", size=20_000), 1)

    assert seen == [False] * 20 + [True, True, False]
    assert by_bytes.is_full


def test_batches_shrink_and_grow_within_bounds(clock: FakeClock) -> None:
    held = BatchFormer[int](clock=clock)
    held.shrink(100)
    held.shrink(200)
    assert held.limit == 100
    held.shrink(0)
    assert held.limit == DOCUMENTS_MIN
    for _ in range(20):
        held.grow()
    assert held.limit == 500


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "take", "settle", "give_back", "wait"]),
        st.sampled_from("abcde"),
        st.integers(1, 5),
    ),
    max_size=60,
)


@given(STEPS)
def test_every_receipt_is_settled_once_and_the_newest_write_of_a_document_comes_last(
    steps: list[tuple[str, str, int]],
) -> None:
    clock = FakeClock()
    held = former(clock)
    in_flight = []
    settled: list[int] = []
    stored: dict[str, int] = {}
    newest: dict[str, int] = {}
    added = 0
    endings = [("settle", "a", 1), ("wait", "a", 1), ("take", "a", 1)] * 60
    for action, id_, version in [*steps, *endings, ("settle", "a", 1)]:
        if action == "add":
            held.add(write(id_, version), added)
            newest[id_] = max(newest.get(id_, 0), version)
            added += 1
        elif action == "take":
            in_flight += held.take()
        elif action == "wait":
            clock.advance(0.1)
        else:
            keys = [entry.write.key for entry in in_flight]
            assert len(set(keys)) == len(keys)
            if action == "give_back":
                held.give_back(in_flight)
            else:
                held.settle(in_flight)
                for entry in in_flight:
                    settled += entry.receipts
                    stored[entry.write.id] = max(stored.get(entry.write.id, 0), entry.write.version)
            in_flight = []

    assert sorted(settled) == list(range(added))
    assert stored == newest
    assert len(held) == held.waiting == 0
