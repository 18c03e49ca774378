"""A page of a comparing scan against what the index holds."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest
from elasticsearch import AsyncElasticsearch

from pim.kinds import Kind
from runtime.errors import SinkUnavailable
from sinks.documents import project
from sinks.drift import DriftFinder, PageDrift
from sinks.fields import to_id
from tests.sinks.examples import snapshot
from topics.snapshots import Snapshot

CHAIN = ("en_GB",)


@dataclass(frozen=True, slots=True)
class Stored:
    """Answers as an index that holds these search documents, by id."""

    documents: Mapping[str, Mapping[str, Any]]

    async def mget(self, *, index: str, ids: list[str]) -> Mapping[str, Any]:
        """Return those that are there."""
        assert index == "t-en_gb"
        return {
            "docs": [
                {"_id": id_, "found": id_ in self.documents, "_source": self.documents.get(id_)}
                for id_ in ids
            ]
        }


def compare(*page: Snapshot, stored: tuple[Snapshot, ...] = ()) -> PageDrift:
    documents = {
        to_id(each.kind, each.code): project(each, chain=CHAIN, types={}, indexed_s=5.0)
        for each in stored
    }
    client = cast(AsyncElasticsearch, Stored(documents))
    finder = DriftFinder(client, "t", {CHAIN[0]: CHAIN}, {})
    return asyncio.run(finder.compare(page))


@dataclass(frozen=True, slots=True)
class Away:
    """Answers as an index of which a shard is away."""

    async def mget(self, *, index: str, ids: list[str]) -> Mapping[str, Any]:
        """Return an error for each."""
        error = {"type": "no_shard_available_action_exception", "reason": index}
        return {"docs": [{"_id": id_, "error": error} for id_ in ids]}


def test_what_a_shard_that_is_away_holds_is_not_missing() -> None:
    finder = DriftFinder(cast(AsyncElasticsearch, Away()), "t", {CHAIN[0]: CHAIN}, {})

    with pytest.raises(SinkUnavailable, match="no_shard_available"):
        asyncio.run(finder.compare([snapshot("a")]))


def test_what_somebody_else_has_written_there_is_missing() -> None:
    client = cast(AsyncElasticsearch, Stored({to_id(Kind.DOCUMENT, "a"): {"title": "ours?"}}))
    finder = DriftFinder(client, "t", {CHAIN[0]: CHAIN}, {})

    assert asyncio.run(finder.compare([snapshot("a")])).missing == 1


def test_what_says_the_same_is_no_drift() -> None:
    assert compare(snapshot("a"), stored=(snapshot("a", version=3),)) == PageDrift(same=1)


def test_what_is_not_there_or_hidden_by_a_tombstone_is_missing() -> None:
    drift = compare(snapshot("a"), snapshot("b"), stored=(snapshot("b", deleted=True),))

    assert drift.missing == len(drift.codes) == 2
    assert drift.codes == ["a", "b"]
    assert drift.examples[0] == "document:a in en_GB: missing"


def test_what_says_something_else_is_different() -> None:
    drift = compare(snapshot("a"), stored=(snapshot("a", version=3, resource={"id": "a"}),))

    assert (drift.different, drift.codes) == (1, ["a"])
    assert drift.examples[0].startswith("document:a in en_GB: different at ")


def test_what_was_written_since_has_moved_on() -> None:
    newer = snapshot("a", version=9, resource={"id": "a"})

    assert compare(snapshot("a", version=8), stored=(newer,)) == PageDrift(moved_on=1)


def test_what_is_not_to_be_indexed_is_no_drift_where_it_is_not() -> None:
    unwanted = snapshot("a"), snapshot("b")
    page = [snapshot(each.code, deleted=True, version=8) for each in unwanted]

    assert compare(page[0]) == PageDrift(same=1)
    assert compare(page[0], stored=(snapshot("a", deleted=True),)) == PageDrift(same=1)
    assert compare(*page, stored=unwanted).codes == ["a", "b"]


def test_an_empty_page_asks_nothing() -> None:
    assert compare() == PageDrift()
