"""The console in a real browser, on a running installation."""

from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import BrowserContext

from stack.choose import Servers
from stack.ports import HOST, free_port
from tests.integration.browsers import look, open_browser, open_console
from tests.integration.sites import Site, open_site, to_installation

pytestmark = [pytest.mark.stack, pytest.mark.faults]

PAGES = {
    "overview": "/",
    "dead-letters": "/dead-letters",
    "all-dead-letters": "/dead-letters?state=all",
    "scans": "/scans",
    "search": "/resources?q=a",
}


@dataclass
class Seen:
    """A running installation, its console, and a browser."""

    site: Site
    address: str
    context: BrowserContext

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for *work*; the installation and the browser share a loop."""
        return self.site.run(work)


@pytest.fixture(scope="module")
def seen(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("console")
    installation = to_installation(
        servers.kafka,
        servers.elasticsearch,
        folder,
        documents=40,
    )
    with (
        open_site(installation, workers=0) as site,
        open_console(installation.variables, folder) as address,
    ):
        browser = open_browser()
        context = site.run(browser.__aenter__())
        try:
            yield Seen(site, address, context)
        finally:
            site.run(browser.__aexit__(None, None, None))


async def examine_all(
    context: BrowserContext, address: str, state: str, *more: tuple[str, str]
) -> None:
    """Examine every page in a state."""
    looker = await look(context, address)
    for name, path in (*PAGES.items(), *more):
        await looker.open(path)
        await looker.examine(f"{state}-{name}")
    await looker.page.close()
    looker.assert_nothing_wrong()


def to_resource(code: str) -> str:
    return f"/resource?kind=document&code={quote(code)}"


def test_pages_are_well_while_everything_is_empty(seen: Seen) -> None:
    seen.run(examine_all(seen.context, seen.address, "empty", ("resource", to_resource("nobody"))))


def test_pages_are_well_while_nothing_answers(seen: Seen, tmp_path: Path) -> None:
    away = {
        **seen.site.installation.variables,
        "QUINDEX_KAFKA": f"{HOST}:{free_port()}",
        "QUINDEX_ELASTICSEARCH": f"http://{HOST}:{free_port()}",
    }
    with open_console(away, tmp_path) as address:
        more = ("resource", to_resource("a"))
        seen.run(examine_all(seen.context, address, "error", more))
