"""Resources by the beginning of their code or name, as somebody types. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SUGGESTIONS_MAX: Final = 12
TEXT_MAX_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A resource that was found."""

    kind: str
    code: str
    name: str | None


def to_suggestion_request(text: str) -> dict[str, Any]:
    """Return the search; inactive resources are found too, since an operator asks."""
    text = text[:TEXT_MAX_CHARS]
    return {
        "query": {
            "bool": {
                "should": [
                    {"term": {"code": {"value": text, "boost": 20}}},
                    {"prefix": {"code": {"value": text, "boost": 5, "case_insensitive": True}}},
                    {"match": {"name.prefix": {"query": text, "operator": "and"}}},
                    {"match": {"code.words": {"query": text, "operator": "and"}}},
                ],
                "minimum_should_match": 1,
            }
        },
        "sort": ["_score", {"code": "asc"}],
        "size": SUGGESTIONS_MAX,
        "source_includes": ["kind", "code", "name"],
    }


def to_suggestions(answer: Mapping[str, Any]) -> list[Suggestion]:
    """Return what was found, the best first."""
    return [
        Suggestion(
            str(hit["_source"]["kind"]), str(hit["_source"]["code"]), hit["_source"].get("name")
        )
        for hit in answer["hits"]["hits"]
    ]
