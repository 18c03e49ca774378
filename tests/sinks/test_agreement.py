"""What speaks against a new index, and what does not."""

from collections.abc import Mapping
from typing import Any

import pytest
from elasticsearch import ApiError, AsyncElasticsearch

from runtime.errors import SinkUnavailable
from sinks.agreement import Findings, _compare_contents, _finds, compare_generations
from sinks.indices import ensure_indices
from sinks.mappings import to_mappings, to_settings
from tests.sinks.away import create_away
from tests.sinks.cluster import Cluster

pytestmark = pytest.mark.stack

LOCALE = "en_GB"
FILLED_S = 1_700_000_000.0


def document(name: str, version: int) -> Mapping[str, Any]:
    """Return a search document that was written long before the new index was filled."""
    return {
        "kind": "document",
        "code": "a",
        "name": name,
        "deleted": False,
        "sync": {"version": version, "partition": 0, "indexed_at": "2023-11-01T00:00:00Z"},
    }


def compare(cluster: Cluster, live: Mapping[str, Any], new: Mapping[str, Any] | None) -> Findings:
    async def main(client: AsyncElasticsearch) -> Findings:
        await ensure_indices(client, prefix=cluster.prefix, locales=(LOCALE,))
        alias = f"{cluster.prefix}-en_gb"
        index = f"{alias}-000002"
        await client.indices.create(
            index=index, mappings=to_mappings(LOCALE), settings=to_settings(LOCALE)
        )
        await client.index(index=alias, id="document:a", document=live)
        if new is not None:
            await client.index(index=index, id="document:a", document=new)
        return await compare_generations(client, cluster.prefix, {LOCALE: index}, filled_s=FILLED_S)

    return cluster.run(main)


def test_a_document_that_is_newer_in_the_new_index_is_no_evidence(cluster: Cluster) -> None:
    """The index stage lags behind what the rebuild has read."""
    findings = compare(cluster, document("Blue pants", 1), document("Red skirt", 2))

    assert findings.problems == []
    assert (findings.sampled, findings.searched) == (1, 0)


def test_a_document_of_the_same_version_is_found_by_its_name(cluster: Cluster) -> None:
    findings = compare(cluster, document("Blue pants", 1), document("Blue pants", 1))

    assert findings.problems == []
    assert (findings.sampled, findings.searched) == (1, 1)


def test_a_document_of_the_same_version_that_is_not_found_by_its_name_is_a_problem(
    cluster: Cluster,
) -> None:
    findings = compare(cluster, document("Blue pants", 1), document("Red skirt", 1))

    assert any("is not found by its name 'Blue pants'" in each for each in findings.problems)
    assert any("differ" in each for each in findings.problems)


def test_a_document_that_the_new_index_lacks_is_a_problem(cluster: Cluster) -> None:
    [problem] = compare(cluster, document("Blue pants", 1), None).problems

    assert "1 of 1 sampled documents are missing" in problem


def test_what_a_shard_that_is_away_holds_is_not_missing(cluster: Cluster) -> None:
    async def main(client: AsyncElasticsearch) -> None:
        index = f"{cluster.prefix}-en_gb-000002"
        await create_away(client, index)
        hit = {"_id": "document:a", "_source": document("Blue pants", 1)}
        with pytest.raises(SinkUnavailable, match="no_shard_available"):
            await _compare_contents(client, LOCALE, index, [hit], Findings(), strict=True)
        with pytest.raises(ApiError):
            await _finds(client, index, "document:a", "Blue pants")

    cluster.run(main)
