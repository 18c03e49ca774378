from typing import Any

import pytest

from sinks.found import to_found
from sinks.searching import Question, to_filter, to_query, to_request


@pytest.mark.parametrize("text", ["", "  ", "*"])
def test_without_words_everything_matches(text: str) -> None:
    assert to_query(text) == {"match_all": {}}


def test_only_what_is_active_is_found_unless_asked_for() -> None:
    active = {"term": {"active": True}}

    assert active in to_request(Question("x"))["query"]["bool"]["filter"]
    assert to_request(Question("x", inactive=True))["query"]["bool"]["filter"] == []


def test_a_kind_is_a_filter() -> None:
    filters = to_request(Question(kind="asset"))["query"]["bool"]["filter"]

    assert {"term": {"kind": "asset"}} in filters


def paths_of(filter_: dict[str, Any]) -> dict[str, Any]:
    return {
        path: value
        for match in filter_["bool"]["should"]
        for path, value in next(iter(match.values())).items()
    }


def test_a_value_is_looked_for_in_every_type_that_it_may_have() -> None:
    assert paths_of(to_filter("size", "42")) == {
        "attributes.size.text.exact": "42",
        "attributes.size.choice.code": "42",
        "attributes.size.choice.label.exact": "42",
        "attributes.size.number": 42.0,
    }
    assert paths_of(to_filter("s", "true"))["attributes.s.boolean"] is True
    assert paths_of(to_filter("d", "2023-11-09"))["attributes.d.date"] == "2023-11-09T00:00:00.000Z"
    assert "attributes.s.number" not in paths_of(to_filter("s", "nan"))


def test_two_dots_make_a_range() -> None:
    assert paths_of(to_filter("p", "10..20")) == {"attributes.p.number": {"gte": 10, "lte": 20}}
    assert paths_of(to_filter("p", "10..")) == {"attributes.p.number": {"gte": 10}}
    assert paths_of(to_filter("d", "..2023-11-09")) == {
        "attributes.d.date": {"lte": "2023-11-09T00:00:00.000Z"}
    }
    assert to_filter("p", "a..b")["bool"]["should"] == [{"match_none": {}}]
    assert "attributes.p.text.exact" in paths_of(to_filter("p", ".."))


def test_fixed_fields_go_before_attributes_of_the_same_code() -> None:
    assert to_filter("classification", "skirts") == {"term": {"classifications.code": "skirts"}}
    assert "attributes.kind.text.exact" in paths_of(to_filter("attribute:kind", "x"))


def test_the_answer_is_shown_with_facets_of_all_types() -> None:
    response = {
        "hits": {
            "total": {"value": 12},
            "hits": [
                {
                    "_score": 1.5,
                    "_source": {"kind": "document", "code": "a", "name": "Jupe"},
                    "highlight": {"name": ["<em>Jupe</em>"], "text": ["<em>Jupe</em>", "x"]},
                },
                {"_score": None, "_source": {"kind": "asset", "code": "b"}},
            ],
        },
        "aggregations": {
            "0.0": {"buckets": [{"key": "Jaune", "doc_count": 2}]},
            "0.3": {"buckets": [{"key": 1, "key_as_string": "true", "doc_count": 5}]},
            "1.0": {"buckets": []},
        },
    }
    found = to_found(response, ["color", "size"])

    assert found.total == 12
    assert [(hit.name, hit.score, hit.highlights) for hit in found.hits] == [
        ("Jupe", 1.5, ["<em>Jupe</em>", "x"]),
        (None, None, []),
    ]
    assert found.facets == {"color": [("true", 5), ("Jaune", 2)], "size": []}


def test_a_facet_of_a_fixed_field_counts_that_field_alone() -> None:
    aggregations = to_request(Question(facets=["kind", "color"]))["aggs"]

    assert aggregations["0.0"]["terms"]["field"] == "kind"
    assert [name for name in aggregations if name.startswith("0.")] == ["0.0"]
    assert aggregations["1.0"]["terms"]["field"] == "attributes.color.choice.label.exact"
