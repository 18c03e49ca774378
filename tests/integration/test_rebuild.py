"""Rebuild and rollback while edits and searches go on: nothing is lost, nothing is asked twice."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from elasticsearch import AsyncElasticsearch

from ops.installation import Installation
from sinks.fields import to_alias
from sinks.transfers import Phase, Stored, read_transfer
from stack.choose import Servers
from tests.eventually import patiently
from tests.integration.calls import finish, quindex, start
from tests.integration.fire import fire
from tests.integration.sites import Site, open_filled_site

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 200
COMPLETED_WITHIN_S = 90.0


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("rebuild")
    with open_filled_site(servers, folder, documents=DOCUMENTS) as opened:
        yield opened


async def read_generations(installation: Installation) -> set[str]:
    """Return the numbers of the indices behind the aliases."""
    async with installation.client() as client:
        found = await client.indices.get_alias(name=f"{installation.prefix}-*")
    return {index[-6:] for index in found}


def test_a_rebuild_under_fire_loses_nothing_and_asks_the_pim_for_nothing(site: Site) -> None:
    async def rebuild() -> None:
        async with fire(site.installation) as going:
            done = await quindex(site.installation, "rebuild", "--parallel", "2", "--json")
        assert done.code == 0, done.err
        assert done.to_json()["swapped"] is True
        assert going.failures == []
        assert going.edits > 10
        assert going.searches > 10

    site.run(rebuild())

    site.assert_converges()
    assert site.run(read_generations(site.installation)) == {"000002"}


def test_a_rebuild_alone_costs_no_request(site: Site) -> None:
    site.assert_converges()
    requests = site.look("requests")["total"]

    assert site.run(quindex(site.installation, "rebuild")).code == 0

    assert site.look("requests")["total"] == requests
    site.assert_converges()
    told = site.run(quindex(site.installation, "status", "--json")).to_json()
    measured = sum(each["documents"] for each in told["freshness"])
    assert measured < DOCUMENTS, "what a rebuild writes is no measure of how long changes take"


def test_a_rollback_under_fire_loses_nothing(site: Site) -> None:
    async def roll_back() -> None:
        async with fire(site.installation) as going:
            await asyncio.sleep(0)
            done = await quindex(site.installation, "rollback", "--json")
        assert done.code == 0, done.err
        assert going.failures == []

    before = site.run(read_generations(site.installation))
    site.run(roll_back())

    site.assert_converges()
    assert site.run(read_generations(site.installation)) < before | {"000002", "000003"}


def test_a_rebuild_that_is_killed_goes_on_where_it_was(site: Site) -> None:
    async def kill_and_resume() -> None:
        async with fire(site.installation):
            killed = await start(site.installation, "rebuild")
            assert killed.stderr is not None
            await killed.stderr.readline()  # it has begun to fill
            killed.send_signal(signal.SIGKILL)
            await finish(killed)
            async with site.installation.client() as client:
                stored = await read_transfer(client, site.installation.prefix)
            assert stored is not None
            assert stored.transfer.phase is Phase.FILLING
            resumed = await quindex(site.installation, "rebuild", "--json")
            assert resumed.code == 0, resumed.err
            assert set(resumed.to_json()["indices"].values()) == set(
                stored.transfer.target.values()
            )

    site.run(kill_and_resume())

    site.assert_converges()


def test_a_rebuild_killed_after_its_swap_is_completed_by_a_worker(site: Site) -> None:
    async def read_stored(client: AsyncElasticsearch) -> Stored | None:
        return await patiently(lambda: read_transfer(client, site.installation.prefix))

    async def kill_after_swap() -> None:
        async with fire(site.installation), site.installation.client() as client:
            process = await start(site.installation, "rebuild")
            while True:
                stored = await read_stored(client)
                if stored is not None and stored.transfer.phase is Phase.SWAPPED:
                    process.send_signal(signal.SIGKILL)
                    break
                if process.returncode is not None:
                    break  # it was faster than the look
            done = await finish(process)
            assert done.code in {0, -signal.SIGKILL}, done.err
        async with site.installation.client() as client:
            async with asyncio.timeout(COMPLETED_WITHIN_S):
                while True:
                    stored = await read_stored(client)
                    if stored is not None and stored.transfer.phase is Phase.DONE:
                        return
                    await asyncio.sleep(0.2)

    site.run(kill_after_swap())

    site.assert_converges()


def test_an_index_that_lacks_documents_is_not_swapped_in(site: Site) -> None:
    """Documents that stand in the live index and not in the log are a difference."""

    async def plant_and_rebuild() -> None:
        alias = to_alias(site.installation.prefix, "en_GB")
        async with site.installation.client() as client:
            found = await client.search(index=alias, size=1)
            hit = found["hits"]["hits"][0]
            for number in range(30):
                await client.index(
                    index=hit["_index"],
                    id=f"document:planted-{number}",
                    document={**hit["_source"], "code": f"planted-{number}"},
                )
            before = await read_generations(site.installation)
            refused = await quindex(site.installation, "rebuild")
            assert refused.code == 5
            assert "nothing was swapped" in refused.err
            assert "en_GB" in refused.err
            assert await read_generations(site.installation) == before
            for number in range(30):
                await client.delete(index=hit["_index"], id=f"document:planted-{number}")
        assert (await quindex(site.installation, "rebuild")).code == 0

    site.run(plant_and_rebuild())

    site.assert_converges()
