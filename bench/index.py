"""
How many search documents per second the index stage writes, beside what it could at best.

    quindex stack up; export QUINDEX_ELASTICSEARCH=…      a real Elasticsearch
    python bench/index.py [--documents 3000] [--rounds 3]

(a) is a bare `elasticsearch.helpers.async_bulk` over ready documents of the same size; (b) two
bare bulk requests at a time, of ready lines. The index stage starts from snapshots: it reads each,
projects it into every locale, keeps the order of versions, and acknowledges. All three write the
same documents into new indices, in turn, in each round. Then projection alone, on one core.
"""

import argparse
import asyncio
import os
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
import uvloop
from elasticsearch import AsyncElasticsearch
from elasticsearch.helpers import async_bulk

from runtime.logs import configure_logs
from runtime.settings import Settings
from sinks.batches import BYTES_MAX, DOCUMENTS_MAX, BatchFormer
from sinks.documents import Projection
from sinks.elasticsearch import ElasticsearchSink, connect
from sinks.fields import to_alias
from sinks.held import Held
from sinks.indexer import Indexer
from sinks.indices import ensure_indices
from tests.integration.bare_bulks import CHAINS, to_shots, to_writes, write_two_at_a_time
from tests.integration.catalog_index import NOW_S, TYPES
from topics.dead_letters import DeadLetters
from topics.memory import MemoryPublisher
from topics.records import Received
from topics.snapshots import Snapshot

PROJECTION_S = 3.0


async def write_by_helper(client: AsyncElasticsearch, prefix: str, shots: list[Snapshot]) -> float:
    """(a)."""
    ready = [
        {
            "_op_type": "index",
            "_index": write.alias,
            "_id": write.id,
            "version": write.version,
            "version_type": "external_gte",
            "_source": orjson.loads(write.body),
        }
        for write in to_writes(prefix, shots)
    ]
    since_s = time.perf_counter()
    await async_bulk(client, ready, chunk_size=DOCUMENTS_MAX, max_chunk_bytes=BYTES_MAX)
    return time.perf_counter() - since_s


async def write_by_stage(client: AsyncElasticsearch, prefix: str, shots: list[Snapshot]) -> float:
    """The index stage, from the bytes of snapshots to their acknowledgement."""
    values = [shot.to_json() for shot in shots]
    done, left = asyncio.Event(), len(values)

    def acknowledge() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    indexer = Indexer(
        sink=ElasticsearchSink(client),
        dead_letters=DeadLetters(MemoryPublisher(), "dead-letters", "index", time.time),
        index_prefix=prefix,
        chains=CHAINS,
        types=TYPES,
        former=BatchFormer[Held](clock=time.monotonic),
        clock=time.monotonic,
        wall=time.time,
    )
    running = asyncio.create_task(indexer.run())
    since_s = time.perf_counter()
    for offset, (shot, value) in enumerate(zip(shots, values, strict=True)):
        received = Received("s", 0, offset, shot.key.encode(), value, NOW_S, acknowledge)
        await indexer.take(received)
    await done.wait()
    taken_s = time.perf_counter() - since_s
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return taken_s


def project_alone(shots: Sequence[Snapshot]) -> tuple[float, float]:
    """Return search documents per second from parsed snapshots, and from their bytes to bytes."""
    values = [shot.to_json() for shot in shots]

    def bare(number: int) -> None:
        projection = Projection(shots[number], TYPES)
        for chain in CHAINS.values():
            projection.to_document(chain, NOW_S)

    def whole(number: int) -> None:
        projection = Projection(Snapshot.parse(values[number]), TYPES)
        for chain in CHAINS.values():
            orjson.dumps(projection.to_document(chain, NOW_S))

    return _rate(bare, len(shots)), _rate(whole, len(shots))


def _rate(work: Callable[[int], None], count: int) -> float:
    since_s, done = time.process_time(), 0
    while time.process_time() - since_s < PROJECTION_S:
        work(done % count)
        done += 1
    return done * len(CHAINS) / (time.process_time() - since_s)


async def measure(documents: int, rounds: int) -> None:
    """Print each round, and the medians."""
    shots = to_shots(documents)
    total = len(shots) * len(CHAINS)
    size = statistics.mean(len(each.body) for each in to_writes("p", shots[:500]))
    print(f"{total} search documents of {size:.0f} bytes, {len(CHAINS)} locales")
    ways: dict[str, Callable[..., Awaitable[float]]] = {
        "(a) async_bulk": write_by_helper,
        "(b) two bulks at a time": write_two_at_a_time,
        "index stage": write_by_stage,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    async with connect(Settings(elasticsearch=os.environ["QUINDEX_ELASTICSEARCH"])) as client:
        for number in range(rounds + 1):  # the first warms the server up
            for name, way in ways.items():
                rate = total / await _write_into_new(client, way, shots)
                if number:
                    rates[name].append(rate)
                    print(f"  round {number}: {name}: {rate:,.0f} documents/s", flush=True)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    stage = medians["index stage"]
    for name, rate in medians.items():
        print(f"{name}: {rate:,.0f} documents/s; the index stage is {stage / rate:.2f} of it")
    bare, whole = project_alone(shots)
    print(f"projection alone, one core: {bare:,.0f} documents/s; bytes to bytes: {whole:,.0f}")


async def _write_into_new(
    client: AsyncElasticsearch, way: Callable[..., Awaitable[float]], shots: list[Snapshot]
) -> float:
    prefix = f"bench{uuid.uuid4().hex[:8]}"
    await ensure_indices(client, prefix=prefix, locales=list(CHAINS))
    try:
        taken_s: Any = await way(client, prefix, shots)
        await client.indices.refresh(index=[to_alias(prefix, locale) for locale in CHAINS])
        found = await client.count(index=[to_alias(prefix, locale) for locale in CHAINS])
        assert found["count"] == len(shots) * len(CHAINS)
        return float(taken_s)
    finally:
        names = [f"{to_alias(prefix, locale)}-000001" for locale in CHAINS]
        await client.indices.delete(index=[*names, f"control-{prefix}"])


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    configure_logs(level="info")  # as a worker does
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(arguments.documents, arguments.rounds))


if __name__ == "__main__":
    main()
