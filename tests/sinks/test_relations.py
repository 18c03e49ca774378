from typing import Any

import pytest

from pim.kinds import Kind
from sinks.relations import to_assets, to_code, to_codes, to_links


def link(type_: str, origin: str, target: str) -> dict[str, Any]:
    return {"linkType": {"id": type_}, "origin": {"id": origin}, "target": {"id": target}}


def ends(kind: Kind, code: str, resource: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["direction"], each["key"]) for each in to_links(kind, code, resource)]


def test_a_link_names_its_other_end() -> None:
    resource = {"documentLinks": [link("a", "me", "you"), link("b", "you", "me")]}

    assert ends(Kind.DOCUMENT, "me", resource) == [("out", "a:you"), ("in", "b:you")]


def test_an_asset_is_linked_by_documents_also_by_one_of_its_own_code() -> None:
    resource = {"documentLinks": [link("a", "doc", "me"), link("a", "me", "me")]}

    assert ends(Kind.ASSET, "me", resource) == [("in", "a:doc"), ("in", "a:me")]
    assert ends(Kind.DOCUMENT, "me", {"documentLinks": [link("a", "me", "me")]}) == [
        ("out", "a:me")
    ]


def test_a_variant_and_a_classification_have_a_parent() -> None:
    assert ends(Kind.VARIANT, "v", {"document": {"id": "d"}}) == [("out", "parent:d")]
    assert ends(Kind.CLASSIFICATION, "c", {"parent": {"id": "top"}}) == [("out", "parent:top")]
    assert ends(Kind.CLASSIFICATION, "top", {"parent": None}) == []


@pytest.mark.parametrize("raw", [None, "x", 3, {}, [None, 3, "x", {}, {"target": None}]])
def test_what_is_no_link_is_none(raw: Any) -> None:
    assert to_links(Kind.DOCUMENT, "me", {"documentLinks": raw}) == []
    assert to_assets(raw) == []


def test_assets_are_found_under_any_of_their_names() -> None:
    raw = [{"target": {"id": "a"}}, {"asset": {"code": "b"}}, {"media": "c", "linkType": "t"}]

    assert [each["key"] for each in to_assets(raw)] == [":a", ":b", "t:c"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"id": "a"}, "a"),
        ({"id": "a", "code": "b"}, "b"),
        ({"id": 3}, "3"),
        ("a", "a"),
        ({"id": True}, None),
        ({"id": []}, None),
        (None, None),
        ("", None),
    ],
)
def test_a_code_is_a_text_or_a_number(raw: Any, code: str | None) -> None:
    assert to_code(raw) == code


def test_codes_are_sorted_and_named_once() -> None:
    assert to_codes([{"id": "b"}, "a", {"id": "b"}, None]) == ["a", "b"]
    assert to_codes({"id": "b"}) == []
