"""
Drift is reported exactly, whoever made it, and repaired; a PIM that lies or is ill deletes nothing.

QUINDEX_TEST_DRIFT_DOCUMENTS makes the catalog larger.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from ops.catalog import Agreement, compare_with_catalog
from ops.installation import Installation
from sinks.fields import to_alias
from stack.choose import Servers
from tests.integration.calls import Done, quindex
from tests.integration.sites import Site, open_site, to_installation

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = int(os.environ.get("QUINDEX_TEST_DRIFT_DOCUMENTS", "300"))
DROPPED_SHARE = 0.01
DELETED, EDITED, PLANTED = 50, 50, 20
HANDS_ON = 3
"""So often is each edited by hand: Elasticsearch counts its version up each time."""
REPAIRED_WITHIN_S = 240.0
FRENCH, ENGLISH = "fr_FR", "en_GB"
DRIFT = 6


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("drift")
    installation = to_installation(
        servers.kafka, servers.elasticsearch, folder, documents=DOCUMENTS
    )
    with open_site(installation) as opened:
        assert opened.run(quindex(installation, "backfill")).code == 0
        opened.assert_converges()
        yield opened


@dataclass(frozen=True, slots=True)
class Spoiled:
    """Ids of what was made wrong by hand."""

    deleted: frozenset[str]
    edited: frozenset[str]
    planted: frozenset[str]


async def spoil(installation: Installation) -> Spoiled:
    """Delete and plant in French, edit in English."""
    async with installation.client() as client:
        french = await _documents(client, installation, FRENCH, DELETED)
        english = await _documents(client, installation, ENGLISH, EDITED)
        for hit in french:
            await client.delete(index=hit["_index"], id=hit["_id"])
        for hit in english:
            for number in range(HANDS_ON):
                doc = {"name": f"by hand {number}"}
                await client.update(index=hit["_index"], id=hit["_id"], doc=doc)
        example = french[0]
        planted = [f"planted-{number}" for number in range(PLANTED)]
        for code in planted:
            await client.index(
                index=example["_index"],
                id=f"document:{code}",
                document={**example["_source"], "code": code},
                version=example["_source"]["sync"]["version"] - 1,
                version_type="external",
            )
        await client.indices.refresh(index=f"{installation.prefix}-*")
    return Spoiled(
        frozenset(hit["_id"] for hit in french),
        frozenset(hit["_id"] for hit in english),
        frozenset(f"document:{code}" for code in planted),
    )


async def _documents(
    client: Any, installation: Installation, locale: str, size: int
) -> list[dict[str, Any]]:
    found = await client.search(
        index=to_alias(installation.prefix, locale),
        query={"term": {"kind": "document"}},
        size=size,
        sort=[{"code": "asc"}],
    )
    assert len(found["hits"]["hits"]) == size
    return list(found["hits"]["hits"])


async def put(installation: Installation, option: str, **body: object) -> None:
    answer = await installation.http.put(f"/control/{option}", json=body)
    answer.raise_for_status()


async def read_dropped(installation: Installation) -> set[str]:
    """Return the codes of the documents whose notification was lost on its way."""
    answer = await installation.http.get("/control/webhook/notifications")
    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    return {line["code"] for line in lines if line["state"] == "dropped"}


async def compare(installation: Installation) -> Agreement:
    async with installation.client() as client:
        await client.indices.refresh(index=f"{installation.prefix}-*")
        return await compare_with_catalog(installation.http, client, installation.settings)


async def read_everything(installation: Installation) -> Mapping[str, Any]:
    """Return all that stands in the indices, tombstones and versions included."""
    found = {}
    async with installation.client() as client:
        await client.indices.refresh(index=f"{installation.prefix}-*")
        for locale in installation.locales.split(","):
            answer = await client.search(
                index=f"{to_alias(installation.prefix, locale)}-*",
                size=10_000,
                version=True,
                sort=["_doc"],
            )
            for hit in answer["hits"]["hits"]:
                found[f"{hit['_index']}/{hit['_id']}"] = (hit["_version"], hit["_source"])
    return found


def reconcile(site: Site, *options: str) -> Done:
    return site.run(quindex(site.installation, "reconcile", "--json", *options))


def test_drift_is_reported_exactly_and_repaired(site: Site) -> None:
    site.run(put(site.installation, "webhook/options", drop_share=DROPPED_SHARE))
    for _ in range(3):
        site.control("bulk-edit", documents=DOCUMENTS)
    site.run(site.installation.settle(5.0))
    site.run(put(site.installation, "webhook/options", drop_share=0.0))
    dropped = site.run(read_dropped(site.installation))
    spoiled = site.run(spoil(site.installation))
    truth = site.run(compare(site.installation))
    stale = {id_ for each in truth.by_locale.values() for id_ in each.different}
    assert dropped
    assert spoiled.edited <= stale
    assert truth.missing == DELETED
    assert truth.extra == PLANTED
    before = site.run(read_everything(site.installation))

    dry = reconcile(site, "--dry-run")
    assert dry.code == DRIFT, dry.err
    report = dry.to_json()
    assert (report["missing"], report["different"], report["extra"]) == (
        truth.missing,
        truth.stale,
        truth.extra,
    )
    assert report["same"] == truth.same
    assert site.run(read_everything(site.installation)) == before

    assert reconcile(site).code == DRIFT
    site.assert_converges(REPAIRED_WITHIN_S)
    after = site.run(read_everything(site.installation))
    gone = {place.partition("/")[2] for place, (_, source) in after.items() if source["deleted"]}
    assert gone == spoiled.planted
    again = reconcile(site)
    assert (again.code, again.to_json()["drift"]) == (0, 0)


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ("status", {"status": 503, "times": 8}),  # a page is asked for four times
        ("empty", {"path": "/api/documents", "times": 2}),
        ("truncated", {"path": "/api/documents", "times": 1}),
    ],
)
def test_a_pim_that_is_ill_in_mid_scan_deletes_nothing(
    site: Site, fault: str, body: dict[str, object]
) -> None:
    before = site.run(read_everything(site.installation))

    site.run(put(site.installation, f"faults/{fault}", **body))
    try:
        done = reconcile(site)
    finally:
        site.run(site.installation.http.delete("/control/faults"))

    assert (done.code, done.to_json()["drift"]) == (0, 0), done.err
    assert site.run(read_everything(site.installation)) == before
