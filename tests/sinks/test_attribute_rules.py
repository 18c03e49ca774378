from typing import Any

import pytest

from sinks.attribute_rules import NO_RULES, parse_rules
from sinks.attribute_types import AttributeType
from sinks.documents import project
from sinks.dropped import ATTRIBUTES_MAX, OTHER, Dropped
from sinks.mappings import to_buckets, to_mappings
from tests.sinks.examples import NOW_S, snapshot

FILE = """
[attributes.r_indicative_price]
type = "text"
boost = 3
[attributes.color_long_name]
name = true
sortable = true
facet = false
[attributes.r_season]
searchable = false
[attributes.r_sellable]
ignored = true
"""


def french(rules: str) -> dict[str, Any]:
    types = {"r_indicative_price": AttributeType.NUMBER}
    parsed = parse_rules(rules)
    return project(snapshot(), chain=("fr_FR",), types=types, indexed_s=NOW_S, rules=parsed)


def test_an_empty_file_says_nothing() -> None:
    assert parse_rules("") == NO_RULES
    assert french("") == project(
        snapshot(),
        chain=("fr_FR",),
        types={"r_indicative_price": AttributeType.NUMBER},
        indexed_s=NOW_S,
    )


def test_a_document_is_what_the_file_says() -> None:
    document = french(FILE)

    assert document["name"] == "Jupe d'été légère"
    assert document["attributes"]["r_indicative_price"] == {"text": "49.9"}
    assert "r_sellable" not in document["attributes"]
    assert "r_season" in document["attributes"]
    assert "Été 28" not in document["text"]
    assert parse_rules(FILE).boosts == {"r_indicative_price": 3.0}


def test_fields_are_what_the_file_says() -> None:
    by_code = parse_rules(FILE).by_code

    long_name = to_buckets("fr_FR", by_code["color_long_name"])["text"]
    assert long_name["fields"].keys() == {"sort"}
    assert to_buckets("fr_FR", by_code["r_season"])["choice.label"]["index"] is False
    first = to_mappings("fr_FR", parse_rules(FILE))["dynamic_templates"][0]
    assert first["color_long_name/text"]["path_match"] == "attributes.color_long_name.text"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("not toml", ["Expected '='"]),
        ("attributes = 3", ["attributes: is no table"]),
        ("[attribute.a]", ["attribute: is not known"]),
        ('[attributes.a]\ntype = "words"\nboost = 0.5\n[attributes.b]\nfacets = true',
         ["attributes.a.type", "attributes.a.boost", "attributes.b.facets"]),
        ("[attributes.a]\nsearchable = 1", ["attributes.a.searchable"]),
        ("[attributes.a]\nboost = 2\nsearchable = false", ["a: has a boost, and is not searchable"]),
        ("[attributes.a]\nignored = true\nname = true", ["a: is ignored"]),
    ],
)  # fmt: skip
def test_all_mistakes_are_listed(text: str, mistakes: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^  ") as caught:
        parse_rules(text)

    lines = str(caught.value).splitlines()
    assert len(lines) == len(mistakes)
    assert all(mistake in line for mistake, line in zip(mistakes, lines, strict=True))


def test_what_is_left_out_is_counted_by_attribute_and_reason() -> None:
    deep: Any = "deep"
    for _ in range(30):
        deep = {"x": [deep]}
    attributes = {
        "deep": [deep, deep, "kept"],
        "many": list(range(1_003)),
        "long": "x" * 300_000,
        "empty": "<br>",
        "fine": {"fr_FR": "kept"},
    }
    dropped = Dropped()
    shot = snapshot(resource={"attributes": attributes})
    document = project(shot, chain=("fr_FR",), types={}, indexed_s=NOW_S, dropped=dropped)

    assert dropped.counts == {
        ("deep", "too_deep"): 2,
        ("many", "too_many"): 3,
        ("long", "too_long"): 1,
        ("empty", "no_text"): 1,
    }
    assert document["attributes"]["deep"] == {"text": "kept"}
    assert len(document["attributes"]["long"]["text"]) == 200_000


def test_attributes_without_end_are_counted_together() -> None:
    dropped = Dropped()
    for number in range(ATTRIBUTES_MAX + 5):
        dropped.note(f"attribute-{number}", ["too_deep"])

    assert dropped.counts[OTHER, "too_deep"] == 5
    assert len(dropped.counts) == ATTRIBUTES_MAX + 1
