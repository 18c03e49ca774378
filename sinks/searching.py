"""
Questions to an index.

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

SUGGESTIONS_READ: Final = 4
"""So many hits are read for each suggestion: several resources may have one name."""

_LANGUAGE_FIELDS: Final = ("name^4", "classifications.name^2", "text")
_WORD_FIELDS: Final = ("name.words^4", "code.words^3", "text.words")
_FIXED: Final = {
    "kind": "kind",
    "code": "code",
    "document_type": "document_type",
    "classification": "classifications.code",
    "inherited": "inherited",
    "link": "links.key",
    "asset": "assets.key",
    "variant": "variants.code",
}
"""What a filter may name beside attributes; an attribute of the same code is attribute:CODE."""

_FIXED_SORTS: Final = {
    "name": "name.sort",
    "code": "code",
    "created_at": "created_at",
    "modified_at": "modified_at",
}
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
    sort: Sequence[tuple[str, str]] = ()  # pairs of attribute and asc or desc; none: the best first
    boosts: Mapping[str, float] = field(default_factory=dict)
    sortable: frozenset[str] = frozenset()  # attributes whose texts are sorted folded


def to_request(question: Question) -> dict[str, Any]:
    """Return the arguments of a search through an alias, which hides tombstones by its filter."""
    return {
        "query": {
            "bool": {
                "must": [to_query(question.text, question.boosts)],
                "filter": _to_filters(question),
            }
        },
        "aggs": _to_aggregations(question.facets),
        "sort": _to_sort(question.sort, question.sortable),
        "size": question.size,
        "source_includes": ["kind", "code", "name"],
        "track_total_hits": True,
        "track_scores": True,
        "highlight": {
            "pre_tags": ["<em>"],
            "post_tags": ["</em>"],
            "max_analyzed_offset": HIGHLIGHT_MAX_CHARS,
            "number_of_fragments": 1,
            "require_field_match": False,
            "fields": {"name": {"number_of_fragments": 0}, "text": {}},
        },
    }


def to_suggestion(question: Question) -> dict[str, Any]:
    """Return the arguments of a search for names of which each word begins as one of the text."""
    text = question.text
    return {
        "query": {
            "bool": {
                "must": [{"match": {"name.prefix": {"query": text, "operator": "and"}}}],
                "should": [
                    {"match": {"name.words": text}},
                    {"prefix": {"name.sort": {"value": text.strip(), "boost": 2}}},
                ],
                "filter": _to_filters(question),
            }
        },
        "size": question.size * SUGGESTIONS_READ,
        "source_includes": ["name"],
    }


def to_query(text: str, boosts: Mapping[str, float] | None = None) -> dict[str, Any]:
    """
    Return the full-text part: a code, or all words in some form, or all of them as they are.

    The attributes of *boosts* count more where they match, and nothing where they do not.
    """
    if text.strip() in {"", "*"}:
        return {"match_all": {}}
    found = [
        {"term": {"code": {"value": text.strip(), "boost": 20}}},
        _to_words(text, _LANGUAGE_FIELDS),
        _to_words(text, _WORD_FIELDS),
        {"match": {"name.prefix": {"query": text, "operator": "and"}}},
    ]
    query: dict[str, Any] = {"bool": {"should": found, "minimum_should_match": 1}}
    if not boosts:
        return query
    boosted = [
        {"match": {f"{_to_path(code)}.{bucket}": {"query": text, "boost": boost}}}
        for code, boost in boosts.items()
        for bucket in ("text", "choice.label")
    ]
    return {"bool": {"must": [query], "should": boosted}}


def _to_words(text: str, fields: Sequence[str]) -> dict[str, Any]:
    return {"combined_fields": {"query": text, "fields": list(fields), "operator": "and"}}


def _to_filters(question: Question) -> list[dict[str, Any]]:
    filters = [to_filter(name, value) for name, value in question.filters]
    if question.kind is not None:
        filters.append({"term": {"kind": question.kind}})
    if not question.inactive:
        filters.append({"term": {"active": True}})
    return filters


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


def _to_sort(sort: Sequence[tuple[str, str]], sortable: frozenset[str]) -> list[Any]:
    """Whatever type an attribute has; what has no value comes last, and the code decides last."""
    keys: list[Any] = []
    for name, order in sort:
        for path, type_ in _to_sort_fields(name, sortable):
            keys.append({path: {"order": order, "missing": "_last", "unmapped_type": type_}})
    return [*keys, "_score", {"code": {"order": "asc"}}]


def _to_sort_fields(name: str, sortable: frozenset[str]) -> list[tuple[str, str]]:
    if name in _FIXED_SORTS:
        return [(_FIXED_SORTS[name], "keyword")]
    path = _to_path(name)
    part = "sort" if name.removeprefix(_ATTRIBUTE_MARK) in sortable else "exact"
    return [
        (f"{path}.number", "double"),
        (f"{path}.date", "date"),
        (f"{path}.boolean", "boolean"),
        (f"{path}.text.{part}", "keyword"),
        (f"{path}.choice.label.{part}", "keyword"),
    ]


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
