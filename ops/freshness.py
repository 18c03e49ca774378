"""How long changes took to be searchable, as the search documents themselves tell."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from elasticsearch import AsyncElasticsearch

from ops.facts import FreshnessFacts
from sinks.fields import to_alias
from sinks.moments import to_moment
from sinks.transfers import read_transfer

SAMPLE_MAX: Final = 1_000
"""Search documents of each locale that are measured: drawn by lot, where more were written."""
_MS: Final = 1_000
_FROM: Final = "sync.notified_at"
_TO: Final = "sync.indexed_at"


async def to_measured_since(client: AsyncElasticsearch, prefix: str, since_s: float) -> float:
    """
    Return *since_s*, or when a rebuild or rollback after it was last at work.

    What those write is as old as its snapshots, and says nothing of how long a change takes.
    """
    stored = await read_transfer(client, prefix)
    if stored is None or not stored.transfer.swapped_s:
        return since_s
    return max(since_s, stored.transfer.beat_s)


async def read_freshness(
    client: AsyncElasticsearch, prefix: str, locales: Sequence[str], *, since_s: float
) -> list[FreshnessFacts]:
    """
    Return percentiles per locale of what was written since.

    A document that was written twice counts once, by its last time.
    """
    if not locales:
        return []
    searches: list[dict[str, Any]] = []
    for locale in locales:
        searches += [{"index": to_alias(prefix, locale)}, to_request(since_s)]
    found = await client.msearch(searches=searches)
    return [
        to_freshness(locale, answer)
        for locale, answer in zip(locales, found["responses"], strict=True)
    ]


def to_request(since_s: float) -> dict[str, Any]:
    """
    Return the search for what was written since.

    A percentiles aggregation would need a script to subtract, which a cluster may not allow.
    """
    return {
        "size": SAMPLE_MAX,
        "track_total_hits": True,
        "_source": False,
        "docvalue_fields": [{"field": each, "format": "epoch_millis"} for each in (_FROM, _TO)],
        "query": {
            "function_score": {
                "query": {"range": {_TO: {"gte": to_moment(since_s)}}},
                "random_score": {},
            }
        },
    }


def to_freshness(locale: str, answer: Mapping[str, Any]) -> FreshnessFacts:
    """Return the percentiles of an answer; of nothing there are none."""
    if "error" in answer:
        return FreshnessFacts(locale, 0)
    hits = answer["hits"]
    took = sorted(_to_took_s(hit["fields"]) for hit in hits["hits"])
    return FreshnessFacts(
        locale,
        int(hits["total"]["value"]),
        *(to_percentile(took, percent) for percent in (50, 95, 99)),
    )


def to_percentile(ascending: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that so many percent do not exceed; None: there are none."""
    if not ascending:
        return None
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]


def _to_took_s(fields: Mapping[str, Sequence[Any]]) -> float:
    return (float(fields[_TO][0]) - float(fields[_FROM][0])) / _MS
