"""
A swap that is held back, by a rebuild that is healthy or has a bug, and a rollback after many edits.

QUINDEX_TEST_HELD_S lengthens the time for which the swap is held back.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from ops.catalog import Agreement, compare_with_catalog
from stack.choose import Servers
from tests.eventually import patiently
from tests.faults.patches import FILE
from tests.faults.rebuild_patches import HOLDING
from tests.integration.calls import Done, finish, quindex, start
from tests.integration.fire import fire
from tests.integration.sites import Site, open_filled_site

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 100
HELD_S = float(os.environ.get("QUINDEX_TEST_HELD_S", "30"))
HOLDS_WITHIN_S = 90.0
EDITED = 5
EDITS_AFTER = {"documents": DOCUMENTS, "repeat": 20}


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("swaps")
    with open_filled_site(servers, folder, documents=DOCUMENTS) as opened:
        yield opened


async def rebuild(
    site: Site, folder: Path, patches: str, meanwhile: Callable[[], Awaitable[None]]
) -> Done:
    """Rebuild with patches; do something while it is held."""
    release = folder / "release"
    process = await start(
        site.installation,
        "rebuild",
        "--json",
        runner=("tests.faults.mutant", patches),
        more={FILE: str(release)},
    )
    assert process.stderr is not None
    async with asyncio.timeout(HOLDS_WITHIN_S):
        while HOLDING not in (line := (await process.stderr.readline()).decode()):
            assert line, "it ended before it was held"
    await meanwhile()
    release.touch()
    return await finish(process)


async def compare(site: Site) -> Agreement:
    installation = site.installation
    async with installation.client() as client:
        await patiently(lambda: client.indices.refresh(index=f"{installation.prefix}-*"))
        return await patiently(
            lambda: compare_with_catalog(installation.http, client, installation.settings)
        )


def test_a_swap_held_back_in_mid_way_loses_nothing_though_a_worker_is_killed(
    site: Site, tmp_path: Path
) -> None:
    async def kill_one_and_wait() -> None:
        await asyncio.sleep(HELD_S / 3)
        await asyncio.to_thread(site.installation.workers[0].kill)
        site.installation.workers[0].start()
        await asyncio.sleep(2 * HELD_S / 3)

    async def hold() -> None:
        async with fire(site.installation) as going:
            done = await rebuild(site, tmp_path, "hold-in-swap", kill_one_and_wait)
        assert done.code == 0, done.err
        assert going.failures == []

    site.run(hold())

    site.assert_converges()
    assert site.run(quindex(site.installation, "rebuild")).code == 0  # nothing was left behind
    site.assert_converges()


@pytest.mark.parametrize(
    ("patches", "is_caught"),
    [
        ("hold-before-swap", False),
        ("hold-before-swap,no-reading-on", True),
        ("hold-before-swap,ends-before-fence", True),
    ],
)
def test_a_rebuild_that_does_not_read_to_the_end_after_the_fence_is_caught(
    site: Site, tmp_path: Path, patches: str, is_caught: bool
) -> None:
    async def edit_in_the_old_index() -> None:
        for number in range(EDITED):
            code = f"{patches.replace(',', '-')}-{number}"
            await site.installation.control("create", kind="document", code=code)
        agreement = await site.installation.settle(60.0)
        assert agreement.is_equal, agreement.examples()

    done = site.run(rebuild(site, tmp_path, patches, edit_in_the_old_index))
    agreement = site.run(compare(site))

    assert done.code == 0, done.err
    assert agreement.is_equal != is_caught, agreement.examples()
    assert agreement.missing >= EDITED * is_caught
    if is_caught:
        assert site.run(quindex(site.installation, "rebuild")).code == 0
    site.assert_converges()


def test_a_rollback_after_thousands_of_edits_loses_none(site: Site) -> None:
    assert site.run(quindex(site.installation, "rebuild")).code == 0
    site.control("bulk-edit", **EDITS_AFTER)
    site.assert_converges()

    planned = site.run(quindex(site.installation, "rollback", "--dry-run", "--json"))
    done = site.run(quindex(site.installation, "rollback", "--json"))

    assert done.code == 0, done.err
    result = done.to_json()
    assert planned.to_json()["indices"] == result["indices"]
    assert result["read_on"] >= DOCUMENTS
    assert result["switched_s"] > 0
    site.assert_converges()
