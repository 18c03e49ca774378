"""One change that many resources show: all of them show it, for few requests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.choose import Servers
from streams.packing import BURST_FILL_S
from tests.integration.calls import quindex
from tests.integration.cascades import Cascade, edit_asset, relabel_value, rename_classification
from tests.integration.sites import Site, open_site, to_installation

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 400
PER_RESOURCE_MAX = 0.03
FIXED_MAX = 6
"""Requests that a change costs however many resources show it: itself, and before it is a burst."""


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("cascades")
    installation = to_installation(
        servers.kafka, servers.elasticsearch, folder, documents=DOCUMENTS
    )
    with open_site(installation) as opened:
        done = opened.run(quindex(installation, "backfill"))
        assert done.code == 0, done.err
        opened.assert_converges()
        yield opened


def check(cascade: Cascade) -> None:
    print(cascade)  # noqa: T201  # the figure is the point

    assert cascade.resources > 50
    # On a slow machine it trickles in: then packs go that are not full.
    allowed = cascade.resources * PER_RESOURCE_MAX + FIXED_MAX + cascade.seconds / BURST_FILL_S
    assert cascade.requests <= allowed, str(cascade)


def test_a_renamed_classification_is_shown_by_everything_in_it(site: Site) -> None:
    check(site.run(rename_classification(site.installation, resources_max=1_000)))


def test_a_relabelled_value_is_shown_by_everything_that_uses_it(site: Site) -> None:
    check(site.run(relabel_value(site.installation)))


def test_an_edited_asset_is_shown_by_everything_that_it_is_linked_to(site: Site) -> None:
    check(site.run(edit_asset(site.installation, links=120)))
