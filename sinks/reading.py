"""Reading live search documents: all of an alias at one moment, those of a classification."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from pim.kinds import Kind
from runtime.errors import SinkUnavailable
from sinks.classified import Classified

PAGE_MAX: Final = 1_000
_KEEP_ALIVE: Final = "2m"
_CLASSIFIED_FIELDS: Final = ("kind", "code", "locale", "classifications")


async def read_all(
    client: AsyncElasticsearch,
    alias: str,
    *,
    query: Mapping[str, Any] | None = None,
    page_max: int = PAGE_MAX,
    fields: Sequence[str] | None = None,
    refresh: bool = True,
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """
    Yield id and search document of everything behind *alias* that matches *query*.

    *alias* may name several, separated by commas; *fields* are those that are read, all by
    default. Without *refresh* the writes of the last second may be missing. All pages show the
    index as it was when the first was asked for. The alias's filter hides tombstones; name an
    index to read them too.
    """
    if refresh:
        await client.indices.refresh(index=alias)
    opened = await client.open_point_in_time(index=alias, keep_alive=_KEEP_ALIVE)
    pit, after = opened["id"], None
    try:
        while True:
            page = await client.search(
                pit={"id": pit, "keep_alive": _KEEP_ALIVE},
                query=query or {"match_all": {}},
                sort=[{"_shard_doc": "asc"}],
                search_after=after,
                source_includes=fields,
                size=page_max,
                track_total_hits=False,
            )
            pit, hits = page["pit_id"], page["hits"]["hits"]
            for hit in hits:
                yield hit["_id"], hit["_source"]
            if len(hits) < page_max:
                return
            after = hits[-1]["sort"]
    finally:
        await client.close_point_in_time(id=pit)


async def read_live(client: AsyncElasticsearch, alias: str) -> dict[str, dict[str, Any]]:
    """Return all live search documents by id; for indices that fit into memory."""
    return {id_: document async for id_, document in read_all(client, alias)}


async def count_live(client: AsyncElasticsearch, alias: str) -> int:
    """
    Return how many live search documents an alias holds.

    Raises:
        SinkUnavailable: Elasticsearch does not say.
    """
    try:
        return int((await client.count(index=alias))["count"])
    except (ApiError, TransportError) as error:
        raise SinkUnavailable(f"elasticsearch: {error}") from error


async def read_classified(
    client: AsyncElasticsearch, aliases: Sequence[str], classification: str, *, refresh: bool
) -> AsyncIterator[Classified]:
    """
    Yield what the indices say of a classification, one by one; *refresh* sees the newest writes.

    Raises:
        SinkUnavailable: Elasticsearch does not say.
    """
    query = {"term": {"classifications.code": classification}}
    try:
        async for _, document in read_all(
            client, ",".join(aliases), query=query, fields=_CLASSIFIED_FIELDS, refresh=refresh
        ):
            name = next(
                (
                    each.get("name")
                    for each in document["classifications"]
                    if each["code"] == classification
                ),
                None,
            )
            yield Classified(Kind(document["kind"]), document["code"], document["locale"], name)
    except (ApiError, TransportError) as error:
        raise SinkUnavailable(f"elasticsearch: {error}") from error
