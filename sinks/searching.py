"""
Questions to an index and what is shown of the answers.

The same requests, to be copied, are in docs/searching.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sinks.fields import to_field
from sinks.moments import to_date

FACET_VALUES_MAX: Final = 20
HIGHLIGHT_MAX_CHARS: Final = 1_000_000
"""Of one field; the server would refuse to highlight in a longer text."""

_FIELDS: Final = (
    "code.words^3",
    "name^4",
    "name.words^4",
    "classifications.name^2",
    "text",
    "text.words",
)
_FIXED: Final = {
    "kind": "kind",
    "code": "code",
    "document_type": "document_type",
    "classification": "classifications.code",
    "link": "links.key",
    "asset": "assets.key",
    "variant": "variants.code",
}
"""What a filter may name beside attributes; an attribute of the same code is attribute:CODE."""

_FIXED_FACETS: Final = _FIXED | {"classification": "classifications.name.exact"}
_BUCKETS: Final = ("choice.label.exact", "text.exact", "number", "boolean", "date")
_ATTRIBUTE_MARK: Final = "attribute:"
_RANGE_MARK: Final = ".."


@dataclass(frozen=True, slots=True)
class Question:
    """What to search for; *filters* are pairs of attribute and value, or FROM..TO."""

    text: str = ""
    kind: str | None = None
    filters: Sequence[tuple[str, str]] = ()
    facets: Sequence[str] = ()
    size: int = 10
    inactive: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One search document that was found."""

    kind: str
    code: str
    name: str | None
    score: float | None
    highlights: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """The hits, best first, and the values of each facet with their counts."""

    total: int
    hits: list[Hit]
    facets: dict[str, list[tuple[str, int]]]


def to_request(question: Question) -> dict[str, Any]:
    """Return the arguments of a search through an alias, which hides tombstones by its filter."""
    filters = [to_filter(name, value) for name, value in question.filters]
    if question.kind is not None:
        filters.append({"term": {"kind": question.kind}})
    if not question.inactive:
        filters.append({"term": {"active": True}})
    return {
        "query": {"bool": {"must": [to_query(question.text)], "filter": filters}},
        "aggs": _to_aggregations(question.facets),
        "size": question.size,
        "source_includes": ["kind", "code", "name"],
        "track_total_hits": True,
        "highlight": {
            "pre_tags": ["<em>"],
            "post_tags": ["</em>"],
            "max_analyzed_offset": HIGHLIGHT_MAX_CHARS,
            "number_of_fragments": 1,
            "require_field_match": False,
            "fields": {"name": {"number_of_fragments": 0}, "text": {}},
        },
    }


def to_query(text: str) -> dict[str, Any]:
    """Return the full-text part: all words somewhere, a code, or a name's beginning."""
    if text.strip() in {"", "*"}:
        return {"match_all": {}}
    words = {
        "query": text,
        "fields": list(_FIELDS),
        "type": "best_fields",
        "operator": "and",
        "tie_breaker": 0.3,
    }
    return {
        "bool": {
            "should": [
                {"term": {"code": {"value": text.strip(), "boost": 20}}},
                {"multi_match": words},
                {"match_bool_prefix": {"name.words": {"query": text, "operator": "and"}}},
            ],
            "minimum_should_match": 1,
        }
    }


def to_filter(name: str, value: str) -> dict[str, Any]:
    """Return a filter on an attribute, whatever its type, or on a fixed field such as link."""
    if name in _FIXED:
        return {"term": {_FIXED[name]: value}}
    path = _to_path(name)
    low, mark, high = value.partition(_RANGE_MARK)
    if mark and (low or high):
        return _to_any(_to_ranges(path, low.strip(), high.strip()))
    matches: list[dict[str, Any]] = [
        {"term": {f"{path}.{bucket}": value}}
        for bucket in ("text.exact", "choice.code", "choice.label.exact")
    ]
    if _is_number(value):
        matches.append({"term": {f"{path}.number": float(value)}})
    if value in {"true", "false"}:
        matches.append({"term": {f"{path}.boolean": value == "true"}})
    if (date := to_date(value)) is not None:
        matches.append({"term": {f"{path}.date": date}})
    return _to_any(matches)


def to_found(response: Mapping[str, Any], facets: Sequence[str]) -> Found:
    """Return what is shown of a search's answer."""
    hits = [
        Hit(
            kind=str(hit["_source"]["kind"]),
            code=str(hit["_source"]["code"]),
            name=hit["_source"].get("name"),
            score=hit["_score"],
            highlights=_to_highlights(hit.get("highlight", {})),
        )
        for hit in response["hits"]["hits"]
    ]
    aggregations = response.get("aggregations", {})
    counts = {name: _to_counts(aggregations, f"{rank}.") for rank, name in enumerate(facets)}
    return Found(int(response["hits"]["total"]["value"]), hits, counts)


def _to_highlights(highlight: Mapping[str, Sequence[str]]) -> list[str]:
    """The name is among the texts: say the same only once."""
    return list(dict.fromkeys(text for texts in highlight.values() for text in texts))


def _to_path(name: str) -> str:
    return f"attributes.{to_field(name.removeprefix(_ATTRIBUTE_MARK))}"


def _to_any(matches: list[dict[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": matches, "minimum_should_match": 1}}


def _to_ranges(path: str, low: str, high: str) -> list[dict[str, Any]]:
    ends = {name: end for name, end in (("gte", low), ("lte", high)) if end}
    dates = {name: date for name, end in ends.items() if (date := to_date(end)) is not None}
    if all(_is_number(end) for end in ends.values()):
        return [{"range": {f"{path}.number": {n: float(end) for n, end in ends.items()}}}]
    if len(dates) == len(ends):
        return [{"range": {f"{path}.date": dates}}]
    return [{"match_none": {}}]


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _to_aggregations(facets: Sequence[str]) -> dict[str, Any]:
    """A facet counts the values of every type that its attribute has anywhere."""
    aggregations: dict[str, Any] = {}
    for rank, name in enumerate(facets):
        fixed = _FIXED_FACETS.get(name)
        paths = [fixed] if fixed else [f"{_to_path(name)}.{bucket}" for bucket in _BUCKETS]
        for bucket, path in enumerate(paths):
            aggregations[f"{rank}.{bucket}"] = {"terms": {"field": path, "size": FACET_VALUES_MAX}}
    return aggregations


def _to_counts(aggregations: Mapping[str, Any], prefix: str) -> list[tuple[str, int]]:
    counts = [
        (str(bucket.get("key_as_string", bucket["key"])), int(bucket["doc_count"]))
        for name, found in aggregations.items()
        if name.startswith(prefix)
        for bucket in found["buckets"]
    ]
    return sorted(counts, key=lambda each: (-each[1], each[0]))[:FACET_VALUES_MAX]
