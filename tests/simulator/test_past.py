from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from simulator.model import Resource
from simulator.past import Past, Reading

Steps = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30)


def reading(code: str, number: int) -> Reading:
    resource = Resource(Kind.DOCUMENT, code, legacy_id=number, created_s=0, modified_s=0)
    return Reading(resource, {"number": number})


@given(steps=Steps, lag_s=st.integers(0, 8))
def test_it_knows_how_everything_was_shown_within_the_time_it_keeps(
    steps: list[tuple[str, int]], lag_s: int
) -> None:
    past, now_s = Past(), 100.0
    past.keep(8)
    history: dict[str, list[tuple[float, int]]] = {"a": [], "b": [], "c": []}
    for number, (code, pause_s) in enumerate(steps):
        now_s += pause_s
        past.note((Kind.DOCUMENT, code), reading(code, number), until_s=now_s)
        history[code].append((now_s, number))

    at_s = now_s - lag_s
    expected = {
        code: next(number for until_s, number in entries if until_s > at_s)
        for code, entries in history.items()
        if any(until_s > at_s for until_s, _ in entries)
    }
    found = past.changed_since(Kind.DOCUMENT, at_s)
    assert {code: each.answer["number"] for code, each in found.items() if each} == expected
    assert past.changed_since(Kind.ASSET, at_s) == {}


def test_what_is_no_longer_kept_is_forgotten() -> None:
    past = Past()
    past.keep(5)
    past.note((Kind.DOCUMENT, "a"), None, until_s=10)
    assert past.changed_since(Kind.DOCUMENT, 9) == {"a": None}
    past.keep(0)

    assert past.changed_since(Kind.DOCUMENT, 9) == {}
