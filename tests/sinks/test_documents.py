from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from sinks.attribute_types import AttributeType
from sinks.documents import project, to_attributes
from sinks.mappings import to_mappings
from tests.sinks.examples import NOW_S, SKIRT, snapshot
from topics.snapshots import Snapshot


def french(shot: Snapshot, *chain: str) -> dict[str, Any]:
    return project(shot, chain=chain or ("fr_FR",), types={}, indexed_s=NOW_S)


def test_a_search_document_says_all_of_one_locale() -> None:
    assert french(snapshot()) == {
        "kind": "document",
        "code": "short-skirt-yellow",
        "document_type": "color",
        "locale": "fr_FR",
        "name": "Jupe courte jaune",
        "text": ["Jupe d'été légère", "Jupe courte jaune", "Été 28", "Jupes"],
        "attributes": {
            "color_name": {"text": "Jupe courte jaune"},
            "color_long_name": {"text": "Jupe d'été légère"},
            "r_indicative_price": {"number": 49.9},
            "r_sellable": {"boolean": True},
            "r_selling_start_date": {"date": "2023-11-09T10:00:00.000Z"},
            "r_season": {"choice": [{"code": "SS28", "label": "Été 28"}]},
        },
        "classifications": [{"code": "skirts", "name": "Jupes"}],
        "links": [
            {
                "type": "col_ref",
                "direction": "in",
                "code": "short-skirt",
                "key": "col_ref:short-skirt",
            }
        ],
        "variants": [{"code": "short-skirt-yellow-M"}, {"code": "short-skirt-yellow-S"}],
        "assets": [{"type": "main_asset", "code": "photo-1", "key": "main_asset:photo-1"}],
        "active": True,
        "created_at": "2023-09-20T08:00:00.000Z",
        "modified_at": "2023-11-09T10:00:00.000Z",
        "deleted": False,
        "inherited": [],
        "sync": {
            "schema": 1,
            "version": 7,
            "partition": 3,
            "notified_at": "2023-11-14T22:13:16.000Z",
            "fetched_at": "2023-11-14T22:13:19.000Z",
            "indexed_at": "2023-11-14T22:13:20.000Z",
            "notifications": 2,
        },
    }


def test_every_field_is_mapped() -> None:
    mapped = to_mappings("fr_FR")["properties"]
    document = french(snapshot())

    assert document.keys() == mapped.keys()
    assert document["sync"].keys() == mapped["sync"]["properties"].keys()


def test_a_locale_without_a_value_shows_that_of_its_fallback_and_says_so() -> None:
    document = french(snapshot(), "fr_BE", "fr_FR")

    assert document["locale"] == "fr_BE"
    assert document["name"] == "Jupe courte jaune"
    assert document["inherited"] == ["color_long_name", "color_name"]


def test_a_locale_without_fallback_has_no_name_of_another() -> None:
    document = french(snapshot(), "de_DE")

    assert document["name"] is None
    assert document["attributes"]["r_indicative_price"] == {"number": 49.9}
    assert document["classifications"] == [{"code": "skirts"}]


def test_a_deleted_resource_becomes_a_small_tombstone() -> None:
    document = french(snapshot(deleted=True))

    assert document.keys() == {"kind", "code", "locale", "deleted", "sync"}
    assert document["deleted"] is True


def test_the_definition_of_an_attribute_wins_over_the_shape_of_its_value() -> None:
    types = {"r_indicative_price": AttributeType.TEXT}
    document = project(snapshot(), chain=("fr_FR",), types=types, indexed_s=NOW_S)

    assert document["attributes"]["r_indicative_price"] == {"text": "49.9"}


def test_the_array_of_older_instances_says_the_same() -> None:
    array = [
        {"id": code, "code": code, "values": value} for code, value in SKIRT["attributes"].items()
    ]

    assert french(snapshot(resource={**SKIRT, "attributes": array})) == french(snapshot())


@pytest.mark.parametrize("raw", [None, "x", 3, [], [None, 3, {"values": 1}], {}])
def test_attributes_that_are_none_are_none(raw: Any) -> None:
    assert to_attributes(raw) == {}


def test_the_order_of_keys_means_nothing() -> None:
    turned = dict(reversed(SKIRT["attributes"].items()))

    assert french(snapshot(resource={**SKIRT, "attributes": turned})) == french(snapshot())


@pytest.mark.parametrize(
    ("kind", "resource", "name"),
    [
        (Kind.ASSET, {"name": {"fr_FR": "Photo"}}, "Photo"),
        (Kind.ASSET, {"name": "photo.png"}, "photo.png"),
        (Kind.VARIANT, {"attributes": {"variant_name": {"fr_FR": "Jupe S"}}}, "Jupe S"),
        (Kind.DOCUMENT, {"attributes": {"name": "Jupe"}}, "Jupe"),
        (Kind.DOCUMENT, {"attributes": {"any_name": "Jupe", "other": "x"}}, "Jupe"),
        (
            Kind.DOCUMENT,
            {"documentType": {"id": "b"}, "attributes": {"a_name": "no", "b_name": "yes"}},
            "yes",
        ),
        (Kind.DOCUMENT, {"attributes": {"name": 3}}, None),
        (Kind.DOCUMENT, {}, None),
    ],
)
def test_the_name_is_a_property_or_an_attribute_by_convention(
    kind: Kind, resource: dict[str, Any], name: str | None
) -> None:
    assert french(snapshot(kind=kind, resource=resource))["name"] == name


def test_an_inherited_property_name_is_told() -> None:
    resource = {"name": {"fr_FR": "Jupes"}}
    document = french(snapshot(kind=Kind.CLASSIFICATION, resource=resource), "fr_BE", "fr_FR")

    assert (document["name"], document["inherited"]) == ("Jupes", ["name"])


def test_an_inactive_resource_is_told() -> None:
    assert french(snapshot(resource={"isActive": False}))["active"] is False
    assert french(snapshot(resource={}))["active"] is True


HOSTILE_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
HOSTILE_KEY = HOSTILE_TEXT | st.sampled_from(
    [
        "id",
        "code",
        "labels",
        "label",
        "name",
        "locale",
        "value",
        "values",
        "fr_FR",
        "fr_BE",
        "attributes",
    ]
)
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | HOSTILE_TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(HOSTILE_KEY, inner, max_size=5),
    max_leaves=30,
)
RESOURCES = st.dictionaries(
    st.sampled_from([*SKIRT, "name", "classification", "document", "parent"]) | HOSTILE_TEXT,
    HOSTILE,
)


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(st.sampled_from(Kind), HOSTILE_TEXT, RESOURCES, st.dictionaries(HOSTILE_TEXT, HOSTILE))
def test_whatever_the_pim_answers_becomes_a_flat_document_of_valid_json(
    kind: Kind, code: str, resource: dict[str, Any], names: dict[str, Any]
) -> None:
    shot = snapshot(code, kind=kind, resource=resource, names=names)
    types = dict.fromkeys(resource, AttributeType.NUMBER)
    document = project(shot, chain=("fr_BE", "fr_FR"), types=types, indexed_s=NOW_S)

    assert orjson.loads(orjson.dumps(document)).keys() == document.keys()
    assert depth_of(document) <= 4


@given(st.dictionaries(HOSTILE_KEY, HOSTILE), st.sampled_from([None, *AttributeType]))
def test_every_value_has_the_type_of_its_bucket(
    attributes: dict[str, Any], type_: AttributeType | None
) -> None:
    types = {} if type_ is None else dict.fromkeys(attributes, type_)
    shot = snapshot(resource={"attributes": attributes})
    document = project(shot, chain=("fr_FR",), types=types, indexed_s=NOW_S)
    python_types: dict[str, Any] = {
        "text": str,
        "number": (int, float),
        "boolean": bool,
        "date": str,
        "choice": dict,
    }

    for buckets in document["attributes"].values():
        for bucket, found in buckets.items():
            values = found if isinstance(found, list) else [found]
            assert values
            assert all(isinstance(value, python_types[bucket]) for value in values)


def test_a_resource_nested_without_end_costs_only_itself() -> None:
    nested: Any = "deep"
    for _ in range(900):
        nested = {"x": [nested]}
    document = french(snapshot(resource={"attributes": {"a": nested, "b": "kept"}}))

    assert document["attributes"] == {"b": {"text": "kept"}}
