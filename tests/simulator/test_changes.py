from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pim.kinds import Kind
from simulator import changes
from simulator.behaviour import Behaviour, InheritanceMode
from simulator.catalog import Catalog
from simulator.edits import EditRejected
from simulator.instance import Instance, NotThere
from simulator.model import ResourceKey
from simulator.schema import LINK_RELATED
from simulator.special_codes import BLUE_PANT, SHORT_SKIRT, SHORT_SKIRT_YELLOW
from tests.clock import FakeClock
from tests.simulator.simulators import make_instance

PANT = Kind.DOCUMENT, BLUE_PANT
YELLOW = Kind.DOCUMENT, SHORT_SKIRT_YELLOW
PHOTO = Kind.ASSET, SHORT_SKIRT_YELLOW
SKIRTS = Kind.CLASSIFICATION, "classification_skirts"


def show(instance: Instance, key: ResourceKey) -> Any:
    return instance.show(instance.resource(key))


def test_an_edit_sets_values_and_counts_a_revision() -> None:
    clock = FakeClock()
    instance = make_instance(clock=clock)
    clock.advance(5.5)
    attributes = {
        "name": "Pantalon",
        "color": "red",
        "product_material": ["wool", "attribute=product_material;code=silk"],
        "product_price": 12,
        "product_sellable": False,
        "product_stock": None,
    }
    change = changes.edit(instance, PANT, attributes, locale="fr_BE")

    shown = show(instance, PANT)
    assert shown["attributes"]["name"]["fr_BE"] == "Pantalon"
    assert [each["id"] for each in shown["attributes"]["product_material"]] == [
        "attribute=product_material;code=wool",
        "attribute=product_material;code=silk",
    ]
    assert shown["attributes"]["product_price"] == 12
    assert shown["attributes"]["product_sellable"] is False
    assert "product_stock" not in shown["attributes"]
    assert shown["attributes"]["sim_revision"] == 2
    assert shown["dateModified"] == "2023-11-14T22:13:25+00:00"
    assert (change.revision, change.at_s, change.event) == (2, clock(), "document.update")


@pytest.mark.parametrize(
    "attributes",
    [
        {"no_such": "x"},
        {"reference_name": "of another document type"},
        {"sim_revision": 7},
        {"name": 7},
        {"color": ["red", "blue"]},
        {"color": "no-such-colour"},
        {"product_price": "cheap"},
        {"product_stock": True},
        {"product_sellable": 1},
        {"product_stock": 1.5},
    ],
)
def test_what_an_attribute_cannot_hold_is_rejected_and_changes_nothing(
    attributes: Mapping[str, object],
) -> None:
    instance = make_instance()
    before = show(instance, PANT)
    with pytest.raises(EditRejected):
        changes.edit(instance, PANT, {"product_ean": "1", **attributes})

    assert show(instance, PANT) == before


def test_null_takes_a_text_from_one_locale() -> None:
    instance = make_instance(behaviour=Behaviour(inheritance=InheritanceMode.ABSENT))
    changes.edit(instance, PANT, {"name": None}, locale="en_GB")

    assert "en_GB" not in show(instance, PANT)["attributes"]["name"]


def test_automatic_edits_number_themselves_in_the_language_of_the_locale() -> None:
    instance = make_instance()
    changes.edit(instance, YELLOW)
    changes.edit(instance, YELLOW)
    changes.edit(instance, YELLOW, locale="en_GB")

    name = show(instance, YELLOW)["attributes"]["color_name"]
    assert name["fr_FR"].endswith(", édition 3")
    assert name["fr_FR"].count("édition") == 1
    assert name["en_GB"].endswith(", edition 4")


def test_assets_and_classifications_have_their_name_edited() -> None:
    instance = make_instance()
    changes.edit(instance, SKIRTS)
    changes.edit(instance, PHOTO, {"name": "Photo", "mannequin": "Zoé"})

    assert show(instance, SKIRTS)["name"]["fr_FR"] == "Jupes, édition 2"
    assert show(instance, PHOTO)["name"]["fr_FR"] == "Photo"
    assert show(instance, PHOTO)["attributes"]["mannequin"] == "Zoé"


@pytest.mark.parametrize("kind", Kind)
def test_a_created_resource_is_there_until_it_is_deleted_and_comes_back(kind: Kind) -> None:
    instance, key = make_instance(), (kind, "new one")
    changes.create(instance, key)
    changes.edit(instance, key)
    edited = show(instance, key)
    changes.delete(instance, key)
    with pytest.raises(NotThere):
        instance.resource(key)
    change = changes.recreate(instance, key)

    again = show(instance, key)
    assert change.revision == 3
    assert again["attributes"].pop("sim_revision") == 3
    assert edited["attributes"].pop("sim_revision") == 2
    assert again == edited


def test_a_revision_grows_across_deletion_and_creation() -> None:
    instance = make_instance()
    changes.edit(instance, PANT)
    changes.delete(instance, PANT)

    assert changes.create(instance, PANT).revision == 3


def test_a_deleted_document_takes_its_links_and_variants_along() -> None:
    instance = make_instance()
    changes.delete(instance, YELLOW)

    links = show(instance, (Kind.DOCUMENT, SHORT_SKIRT))["documentLinks"]
    assert SHORT_SKIRT_YELLOW not in [link["target"]["id"] for link in links]
    assert show(instance, PHOTO)["documentLinks"] == []
    assert instance.catalog.find(Kind.VARIANT, "short-skirt-yellow-S") is None


def test_a_link_is_shown_from_both_ends_until_it_is_deleted() -> None:
    instance = make_instance()
    change = changes.link(instance, BLUE_PANT, YELLOW, LINK_RELATED)
    ends = [PANT, YELLOW]
    assert all(
        change.code in [link["id"] for link in show(instance, end)["documentLinks"]] for end in ends
    )
    changes.unlink(instance, change.code)

    assert not any(
        change.code in [link["id"] for link in show(instance, end)["documentLinks"]] for end in ends
    )


def test_a_new_label_shows_in_documents() -> None:
    instance = make_instance()
    changes.relabel(instance, "attribute=color;code=yellow", "Citron")
    changes.relabel(instance, "attribute=color;code=yellow", locale="en_GB")

    labels = show(instance, YELLOW)["attributes"]["color_choice"][0]["labels"]
    assert labels == {"fr_FR": "Citron", "fr_BE": "Jaune", "en_GB": "yellow 3"}


def test_a_deleted_classification_leaves_its_documents() -> None:
    instance = make_instance()
    changes.delete(instance, SKIRTS)

    assert show(instance, YELLOW)["classifications"] == []


@pytest.mark.parametrize("modify", [True, False])
def test_a_cascade_may_change_the_date_too(modify: bool) -> None:
    instance = make_instance(behaviour=Behaviour(cascades_modify=modify))
    before = show(instance, YELLOW)["dateModified"]
    changes.edit(instance, (Kind.VARIANT, "short-skirt-yellow-S"))

    assert (show(instance, YELLOW)["dateModified"] != before) is modify


def test_what_cannot_be_is_refused() -> None:
    instance = make_instance()

    with pytest.raises(EditRejected, match="exists"):
        changes.create(instance, PANT)
    with pytest.raises(EditRejected, match="below it"):
        changes.delete(instance, (Kind.CLASSIFICATION, "classification_clothes"))
    with pytest.raises(EditRejected, match="no such locale"):
        changes.edit(instance, PANT, locale="xx_XX")
    with pytest.raises(EditRejected, match="types are"):
        changes.link(instance, BLUE_PANT, YELLOW, "no-such-type")
    with pytest.raises(NotThere):
        changes.recreate(instance, PANT)
    with pytest.raises(NotThere):
        changes.unlink(instance, "0")
    with pytest.raises(NotThere):
        changes.relabel(instance, "attribute=color;code=none")
    with pytest.raises(NotThere):
        changes.create(instance, (Kind.VARIANT, "v"), parent="no-such")
    with pytest.raises(NotThere):
        changes.create(instance, (Kind.CLASSIFICATION, "c"), parent="no-such")


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["color", "delete", "recreate", "link", "unlink"]), st.integers(0)),
    max_size=25,
)


@settings(max_examples=40)
@given(actions=ACTIONS)
def test_the_indices_always_agree_with_the_tables(actions: list[tuple[str, int]]) -> None:
    instance = make_instance(documents=8)
    for action, number in actions:
        act(instance, action, number)

    agree(instance.catalog)


def act(instance: Instance, action: str, number: int) -> None:
    codes = instance.catalog.codes(Kind.DOCUMENT)
    links = list(instance.catalog.links)
    gone = [code for kind, code in instance.deleted if kind is Kind.DOCUMENT]
    if action == "color" and BLUE_PANT in codes:
        changes.edit(instance, PANT, {"color": ["red", "blue", "green"][number % 3]})
    elif action == "delete" and codes:
        changes.delete(instance, (Kind.DOCUMENT, codes[number % len(codes)]))
    elif action == "recreate" and gone:
        changes.recreate(instance, (Kind.DOCUMENT, gone[number % len(gone)]))
    elif action == "link" and codes:
        origin, target = codes[number % len(codes)], codes[number // 7 % len(codes)]
        changes.link(instance, origin, (Kind.DOCUMENT, target), LINK_RELATED)
    elif action == "unlink" and links:
        changes.unlink(instance, links[number % len(links)])


def agree(catalog: Catalog) -> None:
    resources = list(catalog.all_resources())
    assert all(catalog.codes(kind) == sorted(catalog.resources[kind]) for kind in Kind)
    for resource in resources:
        ends = [link.id for link in catalog.links.values() if resource.key in link.ends]
        assert sorted(link.id for link in catalog.links_of(resource.key)) == sorted(ends)
        parts = [each.code for each in resources if each.parent == resource.code]
        if resource.kind is Kind.DOCUMENT:
            assert sorted(each.code for each in catalog.variants_of(resource.code)) == sorted(parts)
    for value_id in catalog.values:
        users = [
            each.key
            for each in resources
            if any(isinstance(own, list) and value_id in own for own in each.values.values())
        ]
        assert sorted(catalog.users_of(value_id)) == sorted(users)
    assert all(
        end in {each.key for each in resources}
        for link in catalog.links.values()
        for end in link.ends
    )
