from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.cuts import CUT_AT, Source, complete_lists, find_cuts, refers_to, to_sources
from pim.kinds import Kind

ORIGIN, TARGET = Source("links", "origin"), Source("links", "target")
VARIANTS = Source("variants", "document")


def link(number: int, type_: str = "related", *, origin: str = "me") -> dict[str, Any]:
    return {
        "id": f"L{number}",
        "linkType": {"id": type_},
        "origin": {"id": origin},
        "target": {"id": f"T{number}"},
    }


def full(link: dict[str, Any]) -> dict[str, Any]:
    """Return a link as its own collection shows it: with more keys than the embedded form."""
    return {"@id": f"/api/links/{link['id']}", **link, "dateCreated": "2028-01-01T00:00:00+00:00"}


def ids(members: list[Any]) -> list[str]:
    return [member["id"] for member in members]


def test_exactly_a_hundred_may_be_cut() -> None:
    for count, cut in ((99, []), (100, ["documentLinks"]), (101, [])):
        resource = {"id": "me", "documentLinks": [link(number) for number in range(count)]}
        assert find_cuts(Kind.DOCUMENT, resource) == cut


def test_only_lists_that_can_be_completed_count() -> None:
    many = [{"id": str(number)} for number in range(CUT_AT)]

    assert find_cuts(Kind.DOCUMENT, {"classifications": many, "variants": many}) == ["variants"]
    assert find_cuts(Kind.ASSET, {"variants": many, "variantLinks": many}) == ["variantLinks"]
    assert find_cuts(Kind.CLASSIFICATION, {"children": many}) == ["children"]
    assert find_cuts(Kind.VARIANT, {"documentLinks": "x" * CUT_AT, "assetLinks": None}) == []


def test_links_are_asked_for_from_both_ends_and_once() -> None:
    cuts = ["documentLinks", "assetLinks", "variants"]

    assert to_sources(Kind.DOCUMENT, cuts) == [ORIGIN, TARGET, VARIANTS]
    assert to_sources(Kind.DOCUMENT, []) == []
    assert [source.filter for source in (ORIGIN, VARIANTS)] == ["origin.id", "document.id"]


def test_a_cut_list_is_completed_in_its_own_form_and_keeps_its_order() -> None:
    held = [link(number) for number in reversed(range(CUT_AT))]
    everything = [full(link(number)) for number in range(130)]
    resource = {"id": "me", "name": "x", "documentLinks": held}
    completed = complete_lists(
        Kind.DOCUMENT, resource, {ORIGIN: everything[:110], TARGET: everything[90:]}
    )

    assert completed["documentLinks"] == [*held, *(link(number) for number in range(100, 130))]
    assert completed["name"] == "x"
    assert len(resource["documentLinks"]) == CUT_AT


def test_links_that_another_list_shows_stay_there() -> None:
    resource = {
        "id": "me",
        "documentLinks": [link(number) for number in range(CUT_AT)],
        "assetLinks": [link(number, "main_asset") for number in range(200, 203)],
    }
    links = [full(link(number, "x")) for number in [*range(110), *range(200, 203)]]
    completed = complete_lists(Kind.DOCUMENT, resource, {ORIGIN: links})

    assert ids(completed["documentLinks"]) == [f"L{number}" for number in range(110)]
    assert completed["assetLinks"] == resource["assetLinks"]


def test_with_two_cut_lists_the_type_of_a_link_decides() -> None:
    resource = {
        "id": "me",
        "documentLinks": [link(number, "related") for number in range(CUT_AT)],
        "assetLinks": [link(number, "main_asset") for number in range(200, 200 + CUT_AT)],
    }
    more = [full(link(1, "related")), full(link(900, "main_asset")), full(link(901, "related"))]
    completed = complete_lists(Kind.DOCUMENT, resource, {ORIGIN: [*more, full(link(902, "new"))]})

    assert ids(completed["documentLinks"][CUT_AT:]) == ["L901", "L902"]
    assert ids(completed["assetLinks"][CUT_AT:]) == ["L900"]


def test_variants_are_completed_to_references() -> None:
    resource = {"id": "me", "variants": [{"id": f"V{number}"} for number in range(CUT_AT)]}
    members = [
        {"id": f"V{number}", "attributes": {}, "document": {"id": "me"}} for number in range(120)
    ]
    completed = complete_lists(Kind.DOCUMENT, resource, {VARIANTS: members})

    assert completed["variants"] == [{"id": f"V{number}"} for number in range(120)]


def test_a_list_of_bare_codes_is_completed_to_references() -> None:
    resource = {"id": "me", "variants": ["V"] * CUT_AT}

    assert complete_lists(Kind.DOCUMENT, resource, {VARIANTS: [{"id": "W", "x": 1}]})["variants"][
        -1
    ] == {"id": "W"}


def test_a_list_stays_as_it_was_without_its_source() -> None:
    resource = {"id": "me", "variants": [{"id": f"V{number}"} for number in range(CUT_AT)]}

    assert complete_lists(Kind.DOCUMENT, resource, {}) == resource


@given(st.integers(min_value=CUT_AT, max_value=300), st.randoms(use_true_random=False))
def test_completing_finds_everything_once(count: int, random: Any) -> None:
    everything = [link(number) for number in range(count)]
    random.shuffle(everything)
    resource = {"id": "me", "documentLinks": everything[:CUT_AT]}
    twice = [full(each) for each in everything] * 2
    random.shuffle(twice)
    middle = random.randrange(len(twice))
    # From both ends together, each link comes at least once.
    completed = complete_lists(
        Kind.DOCUMENT, resource, {ORIGIN: twice[:middle], TARGET: twice[middle:]}
    )

    assert sorted(ids(completed["documentLinks"])) == sorted(ids(everything))


@pytest.mark.parametrize(
    "reference",
    [{"id": "a/b"}, "a/b", "/api/documents/a%2Fb", {"id": "a/b", "@type": "Document"}],
)
def test_a_reference_is_an_object_or_an_address(reference: object) -> None:
    assert refers_to(reference, "a/b")


@pytest.mark.parametrize("reference", [None, {}, {"id": "b"}, "b", "/api/documents/b", 3, ["a"]])
def test_a_reference_to_another_is_none(reference: object) -> None:
    assert not refers_to(reference, "a")


def test_a_source_knows_its_own_members() -> None:
    assert ORIGIN.holds(link(1, origin="me"), "me")
    assert not ORIGIN.holds(link(1, origin="other"), "me")
    assert not VARIANTS.holds({"id": "V"}, "me")
