"""Which notifications of a time span are appended again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.debounce import DebounceBuffer, Timing
from streams.replaying import Repeat, Replay, Selection
from tests.clock import FakeClock
from tests.streams.examples import changed, to_body

TIMING = Timing(lead_s=0.5, quiet_s=2, delay_max_s=15)
EVENTS = ["document.update", "document.create", "document.delete"]

histories = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(EVENTS), st.booleans()), max_size=12
)


def to_repeat(code: str, number: int = 0) -> Repeat:
    return Repeat(code.encode(), f"{code} {number}".encode())


def replay(history: list[tuple[str, str, bool]]) -> list[list[Repeat]]:
    held = Replay()
    for number, (code, event, is_ours) in enumerate(history):
        held.add(changed(code, event=event), to_repeat(code, number), is_ours=is_ours)
    return held.pop_all()


def understand(history: list[tuple[str, str, bool]]) -> dict[str, tuple[bool, bool]]:
    """Return what the debounce stage would pass on: whether a resource is new, and gone."""
    buffer = DebounceBuffer[int](TIMING, keys_max=10, clock=FakeClock())
    for number, (code, event, is_ours) in enumerate(history):
        buffer.add(changed(code, event=event), number, appended_s=0.0, is_ours=is_ours)
    return {entry.newest.code: (entry.created, entry.delete) for entry in buffer.pop_all()}


def test_the_newest_stands_for_a_resource() -> None:
    assert replay([("a", EVENTS[0], False), ("b", EVENTS[0], False), ("a", EVENTS[0], False)]) == [
        [to_repeat("a", 2)],
        [to_repeat("b", 1)],
    ]


def test_that_a_resource_is_new_is_not_forgotten() -> None:
    assert replay([("a", "document.create", False), ("a", "document.update", False)]) == [
        [to_repeat("a", 0), to_repeat("a", 1)]
    ]


@given(histories)
def test_a_replay_says_what_the_whole_span_said(history: list[tuple[str, str, bool]]) -> None:
    numbers = [int(each.value.split()[1]) for records in replay(history) for each in records]
    again = [(*history[number][:2], True) for number in numbers]

    assert understand(again) == understand(history)


@given(histories)
def test_a_replay_holds_few_of_each_resource_in_their_order(
    history: list[tuple[str, str, bool]],
) -> None:
    for records in replay(history):
        numbers = [int(each.value.split()[1]) for each in records]
        assert numbers == sorted(numbers)
        assert len(numbers) <= 3


def test_a_full_replay_holds_again_what_comes_once_it_was_emptied() -> None:
    held, is_full, popped = Replay(held_max_bytes=2 * to_repeat("a").held_bytes), [], []
    for number, code in enumerate("aabab"):
        held.add(changed(code), to_repeat(code, number), is_ours=False)
        is_full.append(held.is_full)
        if held.is_full:
            popped.append(held.pop_all())

    assert is_full == [False, False, True, False, True]
    assert popped == [
        [[to_repeat("a", 1)], [to_repeat("b", 2)]],
        [[to_repeat("a", 3)], [to_repeat("b", 4)]],
    ]
    assert held.pop_all() == []


@pytest.mark.parametrize(
    ("body", "appended_s", "is_picked"),
    [
        (to_body("a"), 9.0, True),
        (to_body("a"), 10.0, True),
        (to_body("a"), 10.1, False),
        (to_body("b"), 9.0, False),
        (to_body("a", event="document.create"), 9.0, False),
        (to_body("a", event="value.update"), 9.0, False),
        (b"no notification", 9.0, False),
        (None, 9.0, False),
    ],
)
def test_only_what_was_asked_for_is_picked(
    body: bytes | None, appended_s: float, is_picked: bool
) -> None:
    selection = Selection(
        until_s=10.0,
        codes=frozenset({"a"}),
        events=frozenset({"document.update", "value.update"}),
    )
    picked = selection.pick(body, appended_s=appended_s)

    assert (picked is not None) is is_picked


def test_without_a_choice_every_resource_is_picked() -> None:
    picked = Selection(until_s=10.0).pick(to_body("b", event="media.delete"), appended_s=1.0)

    assert picked is not None
    assert picked.key == "asset:b"
