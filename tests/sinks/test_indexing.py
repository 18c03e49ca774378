"""From snapshots to the index of a real server, with what the simulator's catalog holds."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest
from elasticsearch import AsyncElasticsearch

from simulator.answers import show_resource
from simulator.locales import LocaleTree
from simulator.seeding import seed_catalog
from sinks.batches import BatchFormer
from sinks.comparison import compare
from sinks.documents import project
from sinks.elasticsearch import ElasticsearchSink
from sinks.fields import to_alias, to_id
from sinks.held import Held
from sinks.indexer import Indexer
from sinks.indices import ensure_indices
from sinks.reading import read_all, read_live
from sinks.writes import Verdict
from tests.sinks.cluster import Cluster
from tests.sinks.examples import NOW_S, Acknowledged
from topics.dead_letters import DeadLetters
from topics.memory import MemoryPublisher
from topics.snapshots import Snapshot

pytestmark = pytest.mark.stack

CHAINS: Mapping[str, Sequence[str]] = {
    "fr_FR": ("fr_FR",),
    "fr_BE": ("fr_BE", "fr_FR"),
    "en_GB": ("en_GB",),
}
WITHIN_S = 60.0


def snapshots(version: int, *, documents: int = 200) -> list[Snapshot]:
    """Return everything a simulated PIM holds."""
    tree = LocaleTree(tuple(CHAINS), {"fr_BE": "fr_FR"})
    catalog = seed_catalog(seed=7, documents=documents, tree=tree)
    return [
        Snapshot(
            each.kind,
            each.code,
            version,
            partition=0,
            deleted=False,
            fetched_s=NOW_S,
            notified_s=NOW_S,
            newest_s=NOW_S,
            lane="scan",
            resource=orjson.loads(orjson.dumps(show_resource(catalog, each))),
        )
        for each in catalog.all_resources()
    ]


def to_indexer(client: AsyncElasticsearch, prefix: str, publisher: MemoryPublisher) -> Indexer:
    return Indexer(
        sink=ElasticsearchSink(client),
        dead_letters=DeadLetters(publisher, "dead-letters", "index", time.time),
        index_prefix=prefix,
        chains=CHAINS,
        types={},
        former=BatchFormer[Held](clock=time.monotonic),
        clock=time.monotonic,
        wall=time.time,
    )


async def eventually(condition: Callable[[], object], run: asyncio.Task[None]) -> None:
    """Wait for the server to have done something; raise what ended *run*."""
    async with asyncio.timeout(WITHIN_S):
        while not condition() and not run.done():  # noqa: ASYNC110  # no event tells it
            await asyncio.sleep(0.02)
    if run.done():
        await run


async def index(
    client: AsyncElasticsearch, prefix: str, shots: Sequence[Snapshot]
) -> tuple[Indexer, MemoryPublisher, Acknowledged]:
    publisher, acknowledged = MemoryPublisher(), Acknowledged()
    indexer = to_indexer(client, prefix, publisher)
    run = asyncio.create_task(indexer.run())
    for offset, shot in enumerate(shots):
        await indexer.take(acknowledged.record(shot.to_json(), offset, key=b"k"))
    await eventually(lambda: len(acknowledged) == len(shots), run)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    return indexer, publisher, acknowledged


def expected(shots: Sequence[Snapshot], chain: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        to_id(shot.kind, shot.code): project(shot, chain=chain, types={}, indexed_s=NOW_S)
        for shot in shots
        if not shot.deleted
    }


def test_the_index_holds_exactly_what_the_pim_holds_in_every_locale(cluster: Cluster) -> None:
    async def main(client: AsyncElasticsearch) -> None:
        await ensure_indices(client, prefix=cluster.prefix, locales=list(CHAINS))
        shots = snapshots(5)
        _, publisher, acknowledged = await index(client, cluster.prefix, shots)

        assert sorted(acknowledged) == list(range(len(shots)))
        assert publisher.records == []
        for locale, chain in CHAINS.items():
            stored = await read_live(client, to_alias(cluster.prefix, locale))
            assert compare(expected(shots, chain), stored).is_equal

        again, _, _ = await index(client, cluster.prefix, shots)
        assert again.counts == {Verdict.OK: 3 * len(shots)}
        stale, publisher, acknowledged = await index(client, cluster.prefix, snapshots(4))
        assert stale.counts == {Verdict.STALE: 3 * len(shots)}
        assert len(acknowledged) == len(shots)
        assert publisher.records == []

    cluster.run(main)


def test_a_write_block_is_waited_out(cluster: Cluster) -> None:
    async def main(client: AsyncElasticsearch) -> None:
        await ensure_indices(client, prefix=cluster.prefix, locales=list(CHAINS))
        names = [f"{to_alias(cluster.prefix, locale)}-000001" for locale in CHAINS]
        block = "index.blocks.write"
        await client.indices.put_settings(index=names, settings={block: True})
        acknowledged = Acknowledged()
        indexer = to_indexer(client, cluster.prefix, MemoryPublisher())
        run = asyncio.create_task(indexer.run())
        shots = snapshots(5, documents=20)
        for offset, shot in enumerate(shots):
            await indexer.take(acknowledged.record(shot.to_json(), offset))
        await eventually(lambda: indexer.waits_for, run)

        assert "cluster_block_exception" in str(indexer.waits_for)
        assert acknowledged == []
        await client.indices.put_settings(index=names, settings={block: None})
        await eventually(lambda: len(acknowledged) == len(shots), run)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        assert sorted(acknowledged) == list(range(len(shots)))

    cluster.run(main)


def test_all_search_documents_are_read_page_by_page(cluster: Cluster) -> None:
    async def main(client: AsyncElasticsearch) -> None:
        await ensure_indices(client, prefix=cluster.prefix, locales=list(CHAINS))
        alias = to_alias(cluster.prefix, "fr_FR")
        assert await read_live(client, alias) == {}
        shots = snapshots(5, documents=20)
        await index(client, cluster.prefix, shots)
        query = {"term": {"kind": "document"}}
        pages = [id_ async for id_, _ in read_all(client, alias, page_max=7)]
        some = [id_ async for id_, _ in read_all(client, alias, query=query)]

        assert len(pages) == len(set(pages)) == len(shots)
        assert len(some) == 20

    cluster.run(main)
