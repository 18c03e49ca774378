from hypothesis import given, settings
from hypothesis import strategies as st

from pim.kinds import Kind
from simulator.answers import show_resource, to_inheritance
from simulator.behaviour import InheritanceMode
from simulator.catalog import Catalog
from simulator.hydra import Json
from simulator.locales import Inheritance, LocaleTree
from simulator.seeding import seed_catalog
from simulator.special_codes import (
    BLUE_PANT,
    CARE_GUIDE,
    LOOKBOOK,
    MADE_TO_MEASURE,
    NASTY_CODES,
    SHORT_SKIRT,
    SHORT_SKIRT_GREEN,
    SHORT_SKIRT_YELLOW,
)
from tests.simulator.simulators import TREE


def show_all(catalog: Catalog) -> list[Json]:
    return [show_resource(catalog, resource) for resource in catalog.all_resources()]


def show(catalog: Catalog, kind: Kind, code: str) -> Json:
    resource = catalog.find(kind, code)
    assert resource is not None
    return show_resource(catalog, resource)


@settings(max_examples=10)
@given(seed=st.integers(), documents=st.integers(min_value=0, max_value=60))
def test_the_same_seed_gives_the_same_catalog_of_the_wanted_size(seed: int, documents: int) -> None:
    first = seed_catalog(seed=seed, documents=documents, tree=TREE)
    second = seed_catalog(seed=seed, documents=documents, tree=TREE)

    assert len(first.codes(Kind.DOCUMENT)) == documents
    assert show_all(first) == show_all(second)


def test_another_seed_gives_another_catalog() -> None:
    first = seed_catalog(seed=1, documents=20, tree=TREE)
    second = seed_catalog(seed=2, documents=20, tree=TREE)

    assert show_all(first) != show_all(second)


def test_the_document_of_quables_example_is_there_in_french_and_english() -> None:
    answer = show(seed_catalog(seed=1, documents=1, tree=TREE), Kind.DOCUMENT, BLUE_PANT)

    assert answer["documentType"] == {"id": "product"}
    attributes = answer["attributes"]
    assert isinstance(attributes, dict)
    assert attributes["name"]["fr_FR"].startswith("Pantalon léger bleu")
    assert attributes["name"]["en_GB"].startswith("Light blue")
    assert attributes["color"][0]["labels"]["en_GB"] == "Blue"
    assert attributes["sim_revision"] == 1


def test_the_cookbooks_model_has_two_levels_and_variants() -> None:
    catalog = seed_catalog(seed=1, documents=10, tree=TREE)

    reference, yellow = (show(catalog, Kind.DOCUMENT, c) for c in (SHORT_SKIRT, SHORT_SKIRT_YELLOW))
    assert reference["documentType"] == {"id": "reference"}
    assert yellow["documentType"] == {"id": "color"}
    assert yellow["variants"] == [{"id": f"short-skirt-yellow-{size}"} for size in "SML"]
    links = reference["documentLinks"]
    assert isinstance(links, list)
    assert [link["target"]["id"] for link in links] == [SHORT_SKIRT_YELLOW, SHORT_SKIRT_GREEN]
    assert {link["linkType"]["id"] for link in links} == {"col_ref"}


def test_one_code_exists_under_two_kinds() -> None:
    catalog = seed_catalog(seed=1, documents=10, tree=TREE)

    assert catalog.find(Kind.DOCUMENT, SHORT_SKIRT_YELLOW)
    assert catalog.find(Kind.ASSET, SHORT_SKIRT_YELLOW)


def test_nasty_codes_are_there() -> None:
    codes = seed_catalog(seed=1, documents=30, tree=TREE).codes(Kind.DOCUMENT)

    assert set(NASTY_CODES) < set(codes)
    for wanted in ("/", ";", " ", "é", "%2F", "?", "#", ":"):
        assert any(wanted in code for code in codes)
    assert any(len(code) > 64 for code in codes)
    assert any(len(code.encode()) > 512 for code in codes)


def test_a_larger_catalog_has_resources_with_more_than_100_parts() -> None:
    catalog = seed_catalog(seed=1, documents=150, tree=TREE)

    assert len(catalog.links_of((Kind.DOCUMENT, LOOKBOOK))) > 100
    assert len(catalog.links_of((Kind.ASSET, CARE_GUIDE))) > 100
    assert len(catalog.variants_of(MADE_TO_MEASURE)) > 100


def test_all_shapes_of_attributes_occur() -> None:
    answers = show_all(seed_catalog(seed=1, documents=60, tree=TREE))
    shown = [answer["attributes"] for answer in answers]
    values = [value for each in shown if isinstance(each, dict) for value in each.values()]

    assert any(isinstance(value, dict) and "fr_FR" in value for value in values)
    assert any(isinstance(value, dict) and "labels" in value for value in values)
    assert any(isinstance(value, list) and len(value) > 1 for value in values)
    assert any(value is True for value in values)
    assert any(isinstance(value, float) for value in values)
    assert any(isinstance(value, str) and "T10:00:00" in value for value in values)
    assert any(isinstance(value, str) and value.isdecimal() for value in values)
    products = [each for each in shown if isinstance(each, dict) and "product_price" in each]
    assert any("product_launch_date" not in each for each in products)
    assert any("product_launch_date" in each for each in products)


def test_mixed_inheritance_is_each_of_the_three_for_some_resources() -> None:
    codes = seed_catalog(seed=1, documents=30, tree=TREE).codes(Kind.DOCUMENT)

    assert {to_inheritance(InheritanceMode.MIXED, code) for code in codes} == set(Inheritance)
    assert to_inheritance(InheritanceMode.NULL, codes[0]) is Inheritance.NULL


def test_german_is_spoken_where_it_is_asked_for() -> None:
    catalog = seed_catalog(seed=1, documents=1, tree=LocaleTree(("de_DE",), {}))
    attributes = show(catalog, Kind.DOCUMENT, BLUE_PANT)["attributes"]

    assert isinstance(attributes, dict)
    assert attributes["name"]["de_DE"].startswith("Leichte blaue Hose")
