"""The same search documents by bare bulks, two at a time: what measurements compare with."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

from elasticsearch import AsyncElasticsearch

from pim.kinds import Kind
from simulator.locales import LocaleTree
from simulator.seeding import seed_catalog
from sinks.batches import DOCUMENTS_MAX
from sinks.bulk import to_operations
from sinks.documents import project
from sinks.fields import to_alias, to_id
from sinks.writes import Write, to_write
from tests.integration.catalog_index import NOW_S, TYPES, to_snapshots
from topics.snapshots import Snapshot

CHAINS: Final = {"fr_FR": ("fr_FR",), "fr_BE": ("fr_BE", "fr_FR"), "en_GB": ("en_GB",)}
PARALLEL: Final = 2


def to_shots(documents: int) -> list[Snapshot]:
    """Return the documents of a simulated catalog, whose texts and attributes are of usual size."""
    tree = LocaleTree(tuple(CHAINS), {"fr_BE": "fr_FR"})
    shots = to_snapshots(seed_catalog(seed=7, documents=documents, tree=tree))
    return [shot for shot in shots if shot.kind is Kind.DOCUMENT]


def to_writes(prefix: str, shots: Sequence[Snapshot]) -> list[Write]:
    """Return the same search documents that the index stage makes."""
    return [
        to_write(
            to_alias(prefix, locale),
            to_id(shot.kind, shot.code),
            shot.version,
            project(shot, chain=chain, types=TYPES, indexed_s=NOW_S),
        )
        for shot in shots
        for locale, chain in CHAINS.items()
    ]


async def write_two_at_a_time(
    client: AsyncElasticsearch, prefix: str, shots: list[Snapshot]
) -> float:
    """Write ready lines, two requests at a time; return seconds."""
    writes = to_writes(prefix, shots)
    bodies: list[Any] = [
        to_operations(writes[start : start + DOCUMENTS_MAX])
        for start in range(0, len(writes), DOCUMENTS_MAX)
    ]
    rest = iter(bodies)

    async def work() -> None:
        for body in rest:
            await client.bulk(operations=body, filter_path=["took", "errors", "items.*.status"])

    since_s = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(PARALLEL)))
    return time.perf_counter() - since_s
