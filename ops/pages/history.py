"""The last hour, minute by minute, as Elasticsearch and the topic `quota` tell it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from elasticsearch import AsyncElasticsearch

from ops.freshness import to_measured_since, to_percentile
from ops.pages.charts import MINUTES, Point
from ops.whole_logs import read_whole
from pim.connection import TIMEOUT_S
from runtime.errors import MalformedRecord
from runtime.settings import Settings
from sinks.fields import to_alias
from sinks.moments import to_moment
from streams.grants import Written, to_holdings
from streams.log_reader import Read
from topics.grants import GrantRecord
from topics.names import TopicNames

SAMPLE_MAX: Final = 20
"""Search documents of each minute whose freshness is measured: the newest of it."""
_MINUTE_S: Final = 60.0
_MS: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class Written60:
    """What was written, by minute: how much, and how fresh it was."""

    throughput: Sequence[Point]
    freshness: Sequence[Point]


def first_minute_s(now_s: float) -> float:
    """Return when the first whole minute of the last hour began."""
    return now_s // _MINUTE_S * _MINUTE_S - (MINUTES - 1) * _MINUTE_S


async def read_written(client: AsyncElasticsearch, settings: Settings, now_s: float) -> Written60:
    """
    Return what was written of all locales.

    Raises:
        ApiError, TransportError: Elasticsearch does not say.
    """
    since_s = first_minute_s(now_s)
    measured_s = await to_measured_since(client, settings.index_prefix, since_s)
    found = await client.search(
        index=",".join(to_alias(settings.index_prefix, each) for each in settings.locales),
        ignore_unavailable=True,
        size=0,
        query={"range": {"sync.indexed_at": {"gte": to_moment(since_s)}}},
        aggs={
            "minutes": {
                "date_histogram": {"field": "sync.indexed_at", "fixed_interval": "1m"},
                "aggs": {
                    "sample": {
                        "top_hits": {
                            "size": SAMPLE_MAX,
                            "_source": False,
                            "sort": [{"sync.indexed_at": "desc"}],
                            "docvalue_fields": [
                                {"field": field, "format": "epoch_millis"}
                                for field in ("sync.notified_at", "sync.indexed_at")
                            ],
                        }
                    }
                },
            }
        },
    )
    buckets = found.get("aggregations", {}).get("minutes", {}).get("buckets", ())
    return to_written(buckets, measured_s=measured_s)


def to_written(buckets: Iterable[Mapping[str, Any]], *, measured_s: float = 0.0) -> Written60:
    """Return an answer's buckets as points; freshness of the minutes from *measured_s* on."""
    throughput, freshness = [], []
    for bucket in buckets:
        at_s = bucket["key"] / _MS
        took = sorted(
            (
                float(hit["fields"]["sync.indexed_at"][0])
                - float(hit["fields"]["sync.notified_at"][0])
            )
            / _MS
            for hit in bucket["sample"]["hits"]["hits"]
        )
        throughput.append(Point(at_s, float(bucket["doc_count"])))
        freshness.append(Point(at_s, to_percentile(took, 95) if at_s >= measured_s else None))
    return Written60(throughput, freshness)


async def read_requests(settings: Settings) -> list[Point]:
    """
    Return how many requests to the PIM were sent in each minute.

    Raises:
        KafkaError: the brokers do not answer.
    """
    topic = TopicNames(settings.topic_prefix).quota
    records = await read_whole(settings, topic)
    return to_requests(records, time.time())


def to_requests(records: Iterable[Read], now_s: float) -> list[Point]:
    """Return what the grants tell; a window assumed to be half used tells of no request."""
    written = []
    for each in records:
        try:
            record = GrantRecord.parse(each.value or b"")
        except MalformedRecord:
            continue
        written.append(Written(each.offset, each.appended_s, record))
    since_s = first_minute_s(now_s)
    counts: dict[float, int] = {}
    for holding in to_holdings(written, deadline_s=TIMEOUT_S):
        at_s = min(holding.since_s, now_s) // _MINUTE_S * _MINUTE_S
        if holding.count is not None and holding.window is None and at_s >= since_s:
            counts[at_s] = counts.get(at_s, 0) + holding.count
    return [Point(at_s, float(count)) for at_s, count in sorted(counts.items())]
