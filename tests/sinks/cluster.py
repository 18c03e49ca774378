"""A real Elasticsearch, shared with others by a prefix of one's own."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from elasticsearch import AsyncElasticsearch

from runtime.settings import Settings
from sinks.elasticsearch import connect

LOCALES = ("fr_FR", "en_GB")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Cluster:
    """An Elasticsearch, and a prefix that nobody else uses."""

    address: str
    prefix: str

    @property
    def settings(self) -> Settings:
        """What a process would read."""
        return Settings(elasticsearch=self.address, index_prefix=self.prefix, locales=LOCALES)

    def run(self, work: Callable[[AsyncElasticsearch], Awaitable[Result]]) -> Result:
        """Do something with a client of its own."""

        async def main() -> Result:
            async with connect(self.settings) as client:
                return await work(client)

        return asyncio.run(main())


@contextmanager
def open_cluster(address: str) -> Iterator[Cluster]:
    """Choose a prefix, and remove all indices that have it afterwards."""
    cluster = Cluster(address, f"t{uuid.uuid4().hex[:12]}")
    try:
        yield cluster
    finally:
        cluster.run(lambda client: _remove(client, cluster.prefix))


async def _remove(client: AsyncElasticsearch, prefix: str) -> None:
    for pattern in (f"{prefix}-*", f"control-{prefix}"):
        indices = list(await client.indices.get(index=pattern, ignore_unavailable=True))
        if indices:
            await client.indices.delete(index=indices)
