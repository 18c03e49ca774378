"""A rebuild or rollback after another one: nothing of the earlier one may be taken for its own."""

import asyncio
from collections.abc import Iterator

import pytest

from sinks.fields import to_control_index
from sinks.transfers import read_transfer
from stack.choose import Servers
from tests.integration.calls import Done, quindex
from tests.integration.sites import Site, open_site, to_installation

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 60
FIRST_LOCALES = "fr_FR,fr_BE"


@pytest.fixture
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation that indexes two of the three locales of its PIM."""
    installation = to_installation(
        servers.kafka,
        servers.elasticsearch,
        tmp_path_factory.mktemp("again"),
        documents=DOCUMENTS,
        more={"QUINDEX_LOCALES": FIRST_LOCALES},
    )
    with open_site(installation) as opened:
        assert opened.run(quindex(installation, "backfill")).code == 0
        opened.assert_converges()
        yield opened


def succeed(site: Site, *arguments: str) -> Done:
    done = site.run(quindex(site.installation, *arguments))
    assert done.code == 0, done.err
    return done


async def stop_workers(site: Site) -> None:
    """Stop them; they stay in the list, so that the next one has a log of its own."""
    workers = site.installation.workers
    await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in workers))


async def start_worker(site: Site) -> None:
    installation = site.installation
    installation.start_worker(QUINDEX_LOCALES=installation.variables["QUINDEX_LOCALES"])
    await installation.workers_started()


def test_once_the_indices_are_lost_a_rebuild_reads_from_the_first_snapshot_on(site: Site) -> None:
    async def lose_all() -> None:
        prefix = site.installation.prefix
        await stop_workers(site)
        async with site.installation.client() as client:
            found = await client.indices.get(index=f"{prefix}-*,{to_control_index(prefix)}")
            await client.indices.delete(index=list(found))

    succeed(site, "rebuild")
    site.run(lose_all())
    succeed(site, "setup")
    site.run(start_worker(site))

    succeed(site, "rebuild")  # of the same number as the one before

    site.assert_converges()


def test_a_second_rollback_reads_on_from_where_its_own_indices_stood(site: Site) -> None:
    succeed(site, "rebuild")
    for _ in range(2):
        site.control("bulk-edit", documents=DOCUMENTS // 2)
        site.assert_converges()
        succeed(site, "rollback")
        site.assert_converges()


def test_a_locale_that_came_since_a_rebuild_was_stopped_is_rebuilt_and_written_to(
    site: Site,
) -> None:
    succeed(site, "rebuild", "--dry-run")
    site.run(stop_workers(site))
    site.installation.variables["QUINDEX_LOCALES"] = site.installation.locales
    succeed(site, "setup")
    site.run(start_worker(site))

    done = succeed(site, "rebuild", "--json")

    assert done.to_json()["indices"].keys() == set(site.installation.locales.split(","))
    assert "begun_anew" in done.err
    site.control("bulk-edit", documents=DOCUMENTS // 2)
    site.assert_converges()


def test_a_stopped_rebuild_whose_index_was_dropped_is_begun_anew(site: Site) -> None:
    async def drop_one() -> None:
        async with site.installation.client() as client:
            stored = await read_transfer(client, site.installation.prefix)
            assert stored is not None
            await client.indices.delete(index=stored.transfer.target["fr_FR"])

    succeed(site, "rebuild", "--dry-run")
    site.run(drop_one())

    succeed(site, "rebuild")

    site.assert_converges()


def test_a_rollback_leaves_a_locale_alone_that_the_former_indices_lack(site: Site) -> None:
    """It keeps its index, which is still written to."""
    succeed(site, "rebuild")
    site.run(stop_workers(site))
    site.installation.variables["QUINDEX_LOCALES"] = site.installation.locales
    succeed(site, "setup")
    site.run(start_worker(site))
    succeed(site, "backfill")
    site.assert_converges()

    succeed(site, "rollback")

    site.control("bulk-edit", documents=DOCUMENTS // 2)
    site.assert_converges()
