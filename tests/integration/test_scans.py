"""Backfill, reconcile and replay, on real servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.installation import Installation
from sinks.fields import to_alias
from stack.choose import Servers
from tests.integration.calls import quindex
from tests.integration.sites import Site, open_site, to_installation

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 120
REPAIRED_WITHIN_S = 150.0  # an extra one is looked at twice, half a minute apart


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Nothing was ever announced: what is in the index came by a scan."""
    folder: Path = tmp_path_factory.mktemp("scans")
    installation = to_installation(
        servers.kafka, servers.elasticsearch, folder, documents=DOCUMENTS
    )
    with open_site(installation, workers=2) as opened:
        yield opened


async def spoil(installation: Installation) -> None:
    """Make the French index wrong by hand: 5 gone, 5 edited, 3 that the PIM does not have."""
    alias = to_alias(installation.prefix, "fr_FR")
    async with installation.client() as client:
        found = await client.search(
            index=alias, query={"term": {"kind": "document"}}, size=11, sort=[{"code": "asc"}]
        )
        hits = found["hits"]["hits"]
        for hit in hits[:5]:
            await client.delete(index=hit["_index"], id=hit["_id"])
        for hit in hits[5:10]:
            await client.update(index=hit["_index"], id=hit["_id"], doc={"name": "by hand"})
        for number in range(3):
            planted: dict[str, Any] = {**hits[10]["_source"], "code": f"planted-{number}"}
            await client.index(
                index=hits[10]["_index"],
                id=f"document:planted-{number}",
                document=planted,
                version=planted["sync"]["version"] - 1,
                version_type="external",
            )
        await client.indices.refresh(index=alias)


def test_a_backfill_brings_everything_with_one_request_per_page(site: Site) -> None:
    done = site.run(quindex(site.installation, "backfill", "--kind", "document"))

    assert done.code == 0, done.err
    assert f"done: {DOCUMENTS} resources of document" in done.out
    pages = site.look("requests")["endpoints"]["GET /api/documents"]
    assert pages <= 3 + 2  # two pages and the check at the start; a few probes
    assert site.run(quindex(site.installation, "backfill")).code == 0
    site.assert_converges()


def test_drift_is_reported_exactly_then_repaired(site: Site) -> None:
    site.run(spoil(site.installation))

    compared = site.run(quindex(site.installation, "reconcile", "--dry-run", "--json"))
    assert compared.code == 6, compared.err
    report = compared.to_json()
    assert (report["missing"], report["different"], report["extra"]) == (5, 5, 3)
    again = site.run(quindex(site.installation, "reconcile", "--dry-run", "--json")).to_json()
    assert again["drift"] == 13  # a dry run changes nothing

    assert site.run(quindex(site.installation, "reconcile")).code == 6
    site.assert_converges(REPAIRED_WITHIN_S)
    clean = site.run(quindex(site.installation, "reconcile", "--dry-run", "--json"))
    assert (clean.code, clean.to_json()["drift"]) == (0, 0)


def test_a_pim_that_fails_in_mid_scan_deletes_nothing(site: Site) -> None:
    async def put_fault() -> None:
        answer = await site.installation.http.put(
            "/control/faults/status", json={"status": 503, "share": 0.5}
        )
        answer.raise_for_status()

    site.run(put_fault())
    try:
        assert site.run(quindex(site.installation, "reconcile")).code == 0
    finally:
        site.run(site.installation.http.delete("/control/faults"))

    site.assert_converges()


def test_a_scan_is_listed_and_can_be_cancelled(site: Site) -> None:
    started = site.run(quindex(site.installation, "backfill", "--kind", "asset", "--detach"))
    scan = started.err.split()[2]

    cancelled = site.run(quindex(site.installation, "scans", "cancel", scan))
    watched = site.run(quindex(site.installation, "scans", "watch", scan))
    unknown = site.run(quindex(site.installation, "scans", "cancel", "nothing"))

    assert (cancelled.code, watched.code, unknown.code) == (0, 0, 5)
    assert "cancelled" in watched.out or "done" in watched.out  # it may have been faster
    assert scan in site.run(quindex(site.installation, "scans", "list")).out


def test_lost_notifications_are_made_up_for_by_a_mark(site: Site) -> None:
    for number in range(3):
        site.control("edit", code=f"product-{number + 1:05}", silent=True)
    site.control("delete", code="short-skirt-green", silent=True)

    async def mark() -> None:
        from ops.connections import publisher_of  # noqa: PLC0415  # beside its only use
        from topics.notifications import (  # noqa: PLC0415
            MARK_CODE,
            Source,
            to_headers,
            to_key_bytes,
            to_mark,
        )

        async with publisher_of(site.installation.settings) as publisher:
            await publisher.append(
                site.installation.topics.notifications,
                key=to_key_bytes(MARK_CODE),
                value=to_mark(since_s=1.0, now_s=2.0),
                headers=to_headers(Source.MARK, now_s=2.0),
            )

    site.run(mark())

    site.assert_converges(REPAIRED_WITHIN_S)


def test_a_replay_looks_again_at_each_resource_once(site: Site) -> None:
    site.control("edit", code="product_blue_pant")
    site.control("edit", code="product_blue_pant")
    site.assert_converges()

    counted = site.run(
        quindex(
            *(site.installation, "replay", "--since", "1h", "--code", "product_blue_pant"),
            *("--event", "document.update", "--dry-run"),
        )
    )
    done = site.run(
        quindex(site.installation, "replay", "--since", "1h", "--code", "product_blue_pant")
    )

    assert counted.out == "would have 1 resources looked at again\n"
    assert done.code == 0, done.err
    assert "appending: 1 resources, 0 left" in done.err
    site.assert_converges()


def test_a_replay_since_ever_is_one_of_all_that_kafka_holds(site: Site) -> None:
    done = site.run(quindex(site.installation, "replay", "--since", "1960-01-01", "--dry-run"))

    assert (done.code, done.err.count("Traceback")) == (0, 0), done.err
    assert done.out.startswith("would have ")
