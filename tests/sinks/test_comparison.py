from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.comparison import DIFFERENCES_MAX, compare, find_differences
from sinks.documents import project
from tests.sinks.examples import NOW_S, snapshot


def document(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "sync": {"version": 1}, **more}


def test_each_search_document_is_in_one_set() -> None:
    expected = {"s": document(), "d": document("new"), "m": document()}
    stored = {"s": document(), "d": document("old"), "x": document()}
    comparison = compare(expected, stored)

    assert comparison.same == {"s"}
    assert comparison.different == {"d": ["name"]}
    assert comparison.missing == {"m"}
    assert comparison.extra == {"x"}
    assert not comparison.is_equal
    assert compare(expected, expected).is_equal


def test_how_a_document_came_here_is_not_compared() -> None:
    early = project(snapshot(version=1), chain=("fr_FR",), types={}, indexed_s=NOW_S)
    late = project(snapshot(version=9), chain=("fr_FR",), types={}, indexed_s=NOW_S + 60)

    assert early != late
    assert find_differences(early, late) == []


@pytest.mark.parametrize(
    ("expected", "stored", "paths"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ["a.c"]),
        ({"a": {"b": 1}}, {"a": {}}, ["a.b"]),
        ({"a": None}, {}, ["a"]),
        ({"a": 1}, {"a": True}, ["a"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a"]),
        ({"a": {}}, {"a": 1}, ["a"]),
    ],
)
def test_the_paths_that_differ_are_named(expected: Any, stored: Any, paths: list[str]) -> None:
    assert find_differences(expected, stored) == paths


def test_not_every_path_is_named() -> None:
    numbers = {str(number): number for number in range(100)}

    assert len(find_differences(numbers, {})) == DIFFERENCES_MAX


DOCUMENTS = st.dictionaries(
    st.sampled_from("abcdef"), st.fixed_dictionaries({"name": st.sampled_from("xy")})
)


@given(DOCUMENTS, DOCUMENTS)
def test_nothing_is_left_out_or_counted_twice(expected: Any, stored: Any) -> None:
    comparison = compare(expected, stored)
    sets = [comparison.same, comparison.different.keys(), comparison.missing, comparison.extra]

    assert sum(map(len, sets)) == len(expected.keys() | stored.keys())
    assert comparison.is_equal == (expected == stored)
