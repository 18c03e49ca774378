"""
Purges tombstones: after a week nothing can come that would still need them.

First the topic, by a null that carries the tombstone's version; then the index, and only if the
tombstone is still the same. If the process dies in between, the next purge finds it again. A null
deletes nothing in the index; where it comes after a newer snapshot, which compaction would then
drop, the index stage has the resource looked at again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, TransportError

from pim.kinds import Kind, to_key
from runtime.clock import Clock
from runtime.errors import SinkUnavailable
from runtime.logs import get_logger
from sinks.fields import to_alias
from sinks.indices import read_indices
from sinks.moments import to_moment
from topics.records import Publisher

KEPT_S: Final = 7 * 86_400.0
PURGED_MAX: Final = 1_000
"""Tombstones of one locale in one purge; the next one goes on."""
HEADER_VERSION: Final = "version"
_GONE: Final = (404, 409)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Purger:
    """Purges what is older than *kept_s*; *is_mine* says which keys this worker answers for."""

    client: AsyncElasticsearch
    prefix: str
    locales: Sequence[str]
    publisher: Publisher
    topic: str  # snapshots
    is_mine: Callable[[str], bool]
    clock: Clock  # time.time
    kept_s: float = KEPT_S

    async def purge(self) -> int:
        """
        Purge once; return how many resources.

        Raises:
            SinkUnavailable: some may be left; the next purge finds them.
            KafkaUnavailable: the same.
        """
        purged: set[str] = set()
        try:
            for locale in self.locales:
                for index in await read_indices(self.client, to_alias(self.prefix, locale)):
                    for hit in await self._find(index):
                        source = hit["_source"]
                        key = to_key(Kind(source["kind"]), source["code"])
                        if self.is_mine(key):
                            if key not in purged:
                                await self._forget(key, int(source["sync"]["version"]))
                            await self._delete(hit)
                            purged.add(key)
        except (ApiError, TransportError) as error:
            raise SinkUnavailable(f"elasticsearch: {error}") from error
        if purged:
            log.info("tombstones.purged", resources=len(purged))
        return len(purged)

    async def _find(self, index: str) -> Sequence[Mapping[str, Any]]:
        limit = to_moment(self.clock() - self.kept_s)
        found = await self.client.search(
            index=index,
            query={
                "bool": {
                    "filter": [
                        {"term": {"deleted": True}},
                        {"range": {"sync.fetched_at": {"lt": limit}}},
                    ]
                }
            },
            seq_no_primary_term=True,
            size=PURGED_MAX,
            source_includes=["kind", "code", "sync.version"],
        )
        return list(found["hits"]["hits"])

    async def _forget(self, key: str, version: int) -> None:
        await self.publisher.append(
            self.topic,
            key=key.encode("utf-8", "surrogatepass"),
            value=None,
            headers={HEADER_VERSION: str(version).encode()},
        )

    async def _delete(self, hit: Mapping[str, Any]) -> None:
        try:
            await self.client.delete(
                index=hit["_index"],
                id=hit["_id"],
                if_seq_no=hit["_seq_no"],
                if_primary_term=hit["_primary_term"],
            )
        except ApiError as error:
            if error.meta.status not in _GONE:  # written again or purged meanwhile
                raise


def to_purged_version(headers: Mapping[str, bytes]) -> int | None:
    """Return the version of the tombstone that a null of `snapshots` stands for, if it says so."""
    try:
        return int(headers[HEADER_VERSION])
    except (KeyError, ValueError):
        return None


async def read_version(client: AsyncElasticsearch, alias: str, id_: str) -> int | None:
    """
    Return the version that the index holds of a search document, tombstones included.

    Raises:
        SinkUnavailable: Elasticsearch does not say.
    """
    try:
        found = await client.get(index=alias, id=id_, source_includes=["sync.version"])
    except NotFoundError:
        return None
    except (ApiError, TransportError) as error:
        raise SinkUnavailable(f"elasticsearch: {error}") from error
    return int(found["_version"])
