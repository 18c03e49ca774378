"""PIM and index side by side, attribute by attribute."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.side_by_side import Difference, compare_paths, to_table
from sinks.comparison import find_differences
from tests.ops.hostile import HOSTILE

WANTED = {"name": "Jupe", "attributes": {"color": {"text": "bleu"}, "size": {"number": 3}}}


def test_every_path_is_shown_and_what_differs_is_marked() -> None:
    stored = {"name": "Jupe", "attributes": {"color": {"text": "rouge"}}, "sync": {"version": 1}}
    differences = compare_paths(WANTED, stored)

    assert to_table("fr_FR", differences) == [
        "fr_FR: 2 of 3 values differ",
        "! attributes.color.text            bleu  |  rouge",
        "! attributes.size.number           3  |  –",  # noqa: RUF001  # nothing is there
        "  name                             Jupe",
    ]


def test_a_document_that_is_not_there_differs_in_everything() -> None:
    assert all(not each.is_same for each in compare_paths(WANTED, None))
    assert [each.in_pim for each in compare_paths(None, WANTED)] == [False] * 3


def test_labels_can_be_read_in_any_script() -> None:
    choice = [{"code": "summer", "label": "Été 夏"}]

    assert "Été 夏" in to_table("fr_FR", compare_paths({"season": choice}, {}))[1]


def test_null_is_not_absence() -> None:
    assert compare_paths({"name": None}, {}) == [
        Difference("name", None, None, in_pim=True, in_index=False)
    ]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_are_text(value: str) -> None:
    for line in to_table(value, compare_paths({value: value}, {value: {value: [value]}})):
        assert line.isprintable()
        assert len(line) < 2_000


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from("xyz"), values), st.dictionaries(st.sampled_from("xyz"), values)
)
def test_they_differ_where_a_reconcile_finds_drift(
    wanted: dict[str, Any], stored: dict[str, Any]
) -> None:
    is_same = all(each.is_same for each in compare_paths(wanted, stored))

    assert is_same == (find_differences(wanted, stored) == [])
