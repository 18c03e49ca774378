"""What is shown of the answer to a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sinks.searching import FACET_VALUES_MAX


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


def to_found(response: Mapping[str, Any], facets: Sequence[str] = ()) -> Found:
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


def to_suggestions(response: Mapping[str, Any]) -> list[str]:
    """Return the names that were found, best first, each once."""
    names = (hit["_source"].get("name") for hit in response["hits"]["hits"])
    return list(dict.fromkeys(name for name in names if name))


def _to_highlights(highlight: Mapping[str, Sequence[str]]) -> list[str]:
    """The name is among the texts: say the same only once."""
    return list(dict.fromkeys(text for texts in highlight.values() for text in texts))


def _to_counts(aggregations: Mapping[str, Any], prefix: str) -> list[tuple[str, int]]:
    counts = [
        (str(bucket.get("key_as_string", bucket["key"])), int(bucket["doc_count"]))
        for name, found in aggregations.items()
        if name.startswith(prefix)
        for bucket in found["buckets"]
    ]
    return sorted(counts, key=lambda each: (-each[1], each[0]))[:FACET_VALUES_MAX]
