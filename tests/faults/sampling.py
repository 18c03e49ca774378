"""Looks at the index again and again: what a search document says must never go back."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any, Final, Self

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from ops.installation import Installation
from sinks.fields import to_alias
from topics.versions import to_end, to_epoch

SAMPLE_EVERY_S: Final = 0.3
_RETRY_S: Final = 1.0
_FOUND_MAX: Final = 10_000

Place = tuple[str, str]
"""Index and id."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A search document at one moment; *revision* None: it says none, such as a tombstone."""

    version: int
    deleted: bool
    revision: int | None
    partition: int


@dataclass(frozen=True, slots=True)
class Revision:
    """The newest revision that was seen of a search document, and the version that showed it first."""

    number: int
    version: int


@dataclass
class Sampler:
    """
    Compares each sample with all before it; *regressions* says what went back, in words.

    It reads the indices themselves, since their aliases hide tombstones. Two fetches at the same end
    offset have the same version; what is delivered again then shows the first of them for a moment,
    until the second comes after it. That is counted, and no going back of versions.
    """

    installation: Installation
    may_vanish: bool = False  # the run deletes indices, or purges
    newest: dict[Place, Seen] = field(default_factory=dict)
    revisions: dict[Place, Revision] = field(default_factory=dict)
    regressions: list[str] = field(default_factory=list)
    samples: int = 0
    moves: int = 0  # of a version, upwards
    rewritten: int = 0  # samples that show an earlier answer of the same version
    _task: asyncio.Task[None] | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        async with self.installation.client() as client:
            while True:
                try:
                    await self.look(client)
                    await asyncio.sleep(SAMPLE_EVERY_S)
                except (ApiError, TransportError):
                    await asyncio.sleep(_RETRY_S)  # it is away: part of some runs

    async def look(self, client: AsyncElasticsearch) -> dict[Place, Seen]:
        """Take a sample and compare it; one after the other, or an old one would come after a new."""
        async with self._turn:
            found = await read_all_documents(self.installation, client)
            self.compare(found)
        return found

    def compare(self, found: dict[Place, Seen]) -> None:
        """Take a sample."""
        self.samples += 1
        for place, now in found.items():
            before = self.newest.get(place)
            if before is not None:
                self.moves += now.version > before.version
                if now.version < before.version:
                    self.regressions.append(f"{place}: version {_say(before)} became {_say(now)}")
                elif now.version == before.version and now.deleted != before.deleted:
                    self.regressions.append(f"{place}: {before} became {now} in one version")
            if now.revision is not None:
                self._compare_revisions(place, Revision(now.revision, now.version))
        if not self.may_vanish:
            self.regressions += [f"{place} vanished" for place in self.newest if place not in found]
        self.newest = found if self.may_vanish else self.newest | found

    def _compare_revisions(self, place: Place, now: Revision) -> None:
        known = self.revisions.get(place)
        if known is None or now.number >= known.number:
            self.revisions[place] = now
        elif now.version == known.version:
            self.rewritten += 1
        else:
            self.regressions.append(f"{place}: revision {known.number} became {now.number}")


async def read_all_documents(
    installation: Installation, client: AsyncElasticsearch
) -> dict[Place, Seen]:
    """Return every search document as a search finds it now, tombstones included."""
    aliases = [to_alias(installation.prefix, each) for each in installation.locales.split(",")]
    found = await client.search(
        index=",".join(f"{alias}-*" for alias in aliases),
        size=_FOUND_MAX,
        allow_partial_search_results=False,
        source_includes=["deleted", "sync.version", "sync.partition", "attributes.sim_revision"],
    )
    hits = found["hits"]["hits"]
    assert len(hits) < _FOUND_MAX, "the sample holds not all"
    return {(hit["_index"], hit["_id"]): _to_seen(hit["_source"]) for hit in hits}


def _to_seen(source: dict[str, Any]) -> Seen:
    sync = source["sync"]
    buckets = source.get("attributes", {}).get("sim_revision", {})
    revision = next(iter(buckets.values()), None)
    return Seen(
        int(sync["version"]),
        bool(source["deleted"]),
        None if revision is None else int(revision),
        int(sync["partition"]),
    )


def _say(seen: Seen) -> str:
    return f"{to_epoch(seen.version)}/{to_end(seen.version)}"
