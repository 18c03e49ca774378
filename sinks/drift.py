"""Compares resources as the PIM has them with what the index holds, content by content."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from pim.kinds import Kind
from runtime.errors import SinkUnavailable
from sinks.attribute_rules import NO_RULES, AttributeRules
from sinks.attribute_types import AttributeType
from sinks.comparison import find_differences
from sinks.documents import project
from sinks.fields import to_alias, to_id
from sinks.reading import read_all
from topics.snapshots import Snapshot

_OF_EXTRA: Final = ("code", "sync.version", "sync.partition")


@dataclass
class PageDrift:
    """What one page of a scan has found; *codes* of the resources that need another look."""

    same: int = 0
    missing: int = 0
    different: int = 0
    moved_on: int = 0
    codes: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def counted(self) -> Mapping[str, int]:
        """Search documents by verdict."""
        return {
            "same": self.same,
            "missing": self.missing,
            "different": self.different,
            "moved_on": self.moved_on,
        }


@dataclass(frozen=True, slots=True)
class DriftFinder:
    """Knows what the index should hold: *chains* gives each locale's fallbacks, itself first."""

    client: AsyncElasticsearch
    prefix: str
    chains: Mapping[str, Sequence[str]]
    types: Mapping[str, AttributeType]
    rules: AttributeRules = NO_RULES

    async def compare(self, snapshots: Sequence[Snapshot]) -> PageDrift:
        """
        Compare snapshots with the stored search documents, in every locale.

        A stored version above the snapshot's has moved on: that is no drift. A snapshot that says
        deleted (its document type is not indexed) wants none, or a tombstone.

        Raises:
            SinkUnavailable: Elasticsearch does not say.
        """
        drift = PageDrift()
        off: dict[str, None] = {}
        for locale, chain in self.chains.items():
            stored = await self._read(locale, snapshots)
            for snapshot in snapshots:
                found = stored.get(to_id(snapshot.kind, snapshot.code))
                if found is None or found.get("deleted"):
                    if snapshot.deleted:
                        drift.same += 1
                        continue
                    verdict = "missing"
                elif found["sync"]["version"] > snapshot.version:
                    drift.moved_on += 1
                    continue
                else:
                    wanted = project(
                        snapshot,
                        chain=chain,
                        types=self.types,
                        indexed_s=0.0,
                        rules=self.rules,
                    )
                    paths = find_differences(wanted, found)
                    if not paths:
                        drift.same += 1
                        continue
                    verdict = f"different at {', '.join(paths[:3])}"
                if verdict == "missing":
                    drift.missing += 1
                else:
                    drift.different += 1
                off[snapshot.code] = None
                drift.examples.append(f"{snapshot.key} in {locale}: {verdict}")
        drift.codes = list(off)
        return drift

    async def find_extra(
        self, kind: Kind, *, seen: frozenset[int], below: Mapping[int, int]
    ) -> AsyncIterator[tuple[str, str]]:
        """
        Yield code and locale of live search documents of a kind that no page has shown.

        *seen* holds the hashes of the codes that were. What was fetched since the scan began has a
        version of its partition's *below* or more, and is none of its business.

        Raises:
            SinkUnavailable: Elasticsearch does not say.
        """
        try:
            for locale in self.chains:
                alias = to_alias(self.prefix, locale)
                query = {"term": {"kind": kind.value}}
                found = read_all(self.client, alias, query=query, fields=_OF_EXTRA)
                async for _, document in found:
                    if "code" not in document or "sync" not in document:
                        continue  # somebody else's
                    sync = document["sync"]
                    is_older = int(sync["version"]) < below.get(int(sync["partition"]), 0)
                    if is_older and hash(document["code"]) not in seen:
                        yield document["code"], locale
        except (ApiError, TransportError) as error:
            raise SinkUnavailable(f"elasticsearch: {error}") from error

    async def _read(self, locale: str, snapshots: Sequence[Snapshot]) -> dict[str, dict[str, Any]]:
        if not snapshots:
            return {}
        ids = [to_id(snapshot.kind, snapshot.code) for snapshot in snapshots]
        try:
            found = await self.client.mget(index=to_alias(self.prefix, locale), ids=ids)
        except (ApiError, TransportError) as error:
            raise SinkUnavailable(f"elasticsearch: {error}") from error
        if refused := next((doc["error"] for doc in found["docs"] if "error" in doc), None):
            raise SinkUnavailable(f"elasticsearch: {refused}")  # a shard that is away
        return {
            doc["_id"]: doc["_source"]
            for doc in found["docs"]
            # What somebody else has written there is none of ours: it is missing.
            if doc.get("found") and "sync" in doc["_source"]
        }
