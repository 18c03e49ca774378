"""
An Elasticsearch that misbehaves makes nothing late beyond that, and loses and doubles nothing.

QUINDEX_TEST_FAULT_S lengthens each fault; one document in a hundred is poison throughout.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from runtime.settings import Settings
from sinks.batches import BatchFormer
from sinks.documents import project
from sinks.elasticsearch import ElasticsearchSink, connect
from sinks.fields import to_alias
from sinks.held import Held
from sinks.indexer import Indexer
from sinks.indices import ensure_indices
from sinks.reading import read_all
from sinks.writes import Verdict
from stack.choose import Servers
from tests.integration.elasticsearch_proxy import POISON, Fault, Proxy
from tests.sinks.cluster import Cluster, open_cluster
from tests.sinks.examples import SKIRT, snapshot
from topics.dead_letters import DeadLetters
from topics.memory import MemoryPublisher
from topics.records import Received
from topics.snapshots import Snapshot

pytestmark = [pytest.mark.stack, pytest.mark.faults]

FAULT_S = float(os.environ.get("QUINDEX_TEST_FAULT_S", "10"))
LATE_MAX_S = 5.0
EVERY_S = 0.02
POISON_EVERY = 100
BEFORE_S = 1.0
CHAINS = {"fr_FR": ("fr_FR",), "en_GB": ("en_GB",)}


@dataclass
class Stream:
    """Snapshots, one after the other, and how long each took to be acknowledged."""

    cluster: Cluster
    proxy: Proxy
    late_s: dict[int, float] = field(default_factory=dict)
    shots: list[Snapshot] = field(default_factory=list)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)

    async def run(self, fault: Fault) -> None:
        """Index through a fault, and until everything is acknowledged."""
        async with (
            self.proxy.listening() as address,
            connect(Settings(elasticsearch=address)) as client,
        ):
            await ensure_indices(client, prefix=self.cluster.prefix, locales=list(CHAINS))
            self.indexer = Indexer(
                sink=ElasticsearchSink(client),
                dead_letters=DeadLetters(self.publisher, "dead-letters", "index", time.time),
                index_prefix=self.cluster.prefix,
                chains=CHAINS,
                types={},
                former=BatchFormer[Held](clock=time.monotonic),
                clock=time.monotonic,
                wall=time.time,
            )
            running = asyncio.create_task(self.indexer.run())
            await self._feed(BEFORE_S)
            self.proxy.fault = fault
            await self._feed(FAULT_S)
            self.proxy.fault = Fault.NONE
            await self._feed(BEFORE_S)
            async with asyncio.timeout(FAULT_S + 30):
                while len(self.late_s) < len(self.shots) and not running.done():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _feed(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            await self.indexer.take(self._next())
            await asyncio.sleep(EVERY_S)

    def _next(self) -> Received:
        number, since_s = len(self.shots), time.monotonic()
        text = POISON if number % POISON_EVERY == POISON_EVERY - 1 else f"text {number}"
        resource = {**SKIRT, "attributes": {"note": text}}
        shot = snapshot(f"code-{number}", resource=resource)
        self.shots.append(shot)

        def acknowledge() -> None:
            assert number not in self.late_s
            self.late_s[number] = time.monotonic() - since_s

        key, value = shot.key.encode(), shot.to_json()
        return Received("quindex.snapshots", 0, number, key, value, 0.0, acknowledge)

    def is_poison(self, shot: Snapshot) -> bool:
        return bool(shot.resource["attributes"]["note"] == POISON)

    def read(self, locale: str) -> Mapping[str, Mapping[str, Any]]:
        """Return what the server itself holds, without the proxy; fails if it is there twice."""

        async def main(client: Any) -> dict[str, Any]:
            found: dict[str, Any] = {}
            async for id_, document in read_all(client, to_alias(self.cluster.prefix, locale)):
                assert id_ not in found
                found[id_] = document
            return found

        return self.cluster.run(main)


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_a_fault_delays_nothing_beyond_itself_and_poison_stops_nothing_but_itself(
    servers: Servers, fault: Fault
) -> None:
    with open_cluster(servers.elasticsearch) as cluster:
        stream = Stream(cluster, Proxy(servers.elasticsearch))
        asyncio.run(stream.run(fault))
        outage_s = 0.0 if fault is Fault.NONE else FAULT_S
        healthy = [shot for shot in stream.shots if not stream.is_poison(shot)]
        poison = [shot for shot in stream.shots if stream.is_poison(shot)]
        letters = stream.publisher.of("dead-letters")

        assert poison
        assert (stream.proxy.faults > 0) == (fault is not Fault.NONE)
        assert len(stream.late_s) == len(stream.shots)
        assert max(stream.late_s.values()) <= outage_s + LATE_MAX_S
        for locale, chain in CHAINS.items():
            stored = stream.read(locale)
            assert stored.keys() == {shot.key for shot in healthy}
            for shot in healthy:
                wanted = project(shot, chain=chain, types={}, indexed_s=0.0)
                assert stored[shot.key]["text"] == wanted["text"]
        assert sorted(letter.key or b"" for letter in letters) == sorted(
            shot.key.encode() for shot in poison
        )
        assert all(letter.headers["reason"] == b"document_parsing_exception" for letter in letters)
        assert all(b"400 " in letter.headers["error"] for letter in letters)
        assert orjson.loads(letters[0].value or b"")["resource"]["attributes"]["note"] == POISON
        assert stream.indexer.counts[Verdict.OK] == len(healthy) * len(CHAINS)
