"""The simulator's catalog in real indices, without the way there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from elasticsearch import AsyncElasticsearch

from pim.kinds import Kind
from simulator.answers import show_attribute, show_resource
from simulator.catalog import Catalog
from simulator.locales import LocaleTree
from simulator.schema import ATTRIBUTES
from simulator.seeding import seed_catalog
from sinks.attribute_types import to_attribute_types
from sinks.documents import project
from sinks.elasticsearch import ElasticsearchSink
from sinks.fields import to_alias, to_id
from sinks.indices import ensure_indices
from sinks.writes import Verdict, Write, to_write
from streams.attributes import to_type_names
from topics.snapshots import Snapshot

NOW_S = 1_700_000_000.0
TYPES = to_attribute_types(to_type_names(map(show_attribute, ATTRIBUTES.values())))
BULK_MAX = 500


@dataclass(frozen=True, slots=True)
class CatalogIndex:
    """Search documents by locale and id, as they were written; *gone* are tombstones."""

    prefix: str
    chains: Mapping[str, Sequence[str]]
    documents: Mapping[str, Mapping[str, Mapping[str, Any]]]


def to_snapshots(catalog: Catalog, gone: Sequence[str] = ()) -> list[Snapshot]:
    """Return everything that the catalog holds; of *gone*, only that they are."""
    names = {each.code: dict(each.name) for each in catalog.resources[Kind.CLASSIFICATION].values()}
    return [
        Snapshot(
            each.kind,
            each.code,
            version=5,
            partition=0,
            deleted=each.code in gone,
            fetched_s=NOW_S,
            notified_s=NOW_S,
            newest_s=NOW_S,
            lane="scan",
            resource={}
            if each.code in gone
            else orjson.loads(orjson.dumps(show_resource(catalog, each))),
            names=names,
        )
        for each in catalog.all_resources()
    ]


async def fill(
    client: AsyncElasticsearch,
    prefix: str,
    *,
    chains: Mapping[str, Sequence[str]],
    documents: int,
    seed: int,
    gone: Sequence[str] = (),
) -> CatalogIndex:
    """Seed a catalog, project it and write it."""
    fallbacks = {chain[0]: chain[1] for chain in chains.values() if len(chain) > 1}
    catalog = seed_catalog(
        seed=seed, documents=documents, tree=LocaleTree(tuple(chains), fallbacks)
    )
    await ensure_indices(client, prefix=prefix, locales=list(chains))
    written: dict[str, dict[str, Mapping[str, Any]]] = {}
    for locale, chain in chains.items():
        alias = to_alias(prefix, locale)
        written[locale] = {
            to_id(shot.kind, shot.code): project(shot, chain=chain, types=TYPES, indexed_s=NOW_S)
            for shot in to_snapshots(catalog, gone)
        }
        await _write(
            client, [to_write(alias, id_, 5, each) for id_, each in written[locale].items()]
        )
        await client.indices.refresh(index=alias)
    return CatalogIndex(prefix, chains, written)


async def _write(client: AsyncElasticsearch, writes: Sequence[Write]) -> None:
    sink = ElasticsearchSink(client)
    for start in range(0, len(writes), BULK_MAX):
        answers = await sink.write(writes[start : start + BULK_MAX])
        assert {answer.verdict for answer in answers} == {Verdict.OK}
