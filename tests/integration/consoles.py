"""A running installation, its console, and a browser that looks at it."""

import json
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import BrowserContext

from ops.catalog import read_catalog
from pim.kinds import Kind
from stack.choose import Servers
from tests.eventually import eventually
from tests.integration.browsers import Looker, look, open_browser, open_console
from tests.integration.commands import run_command
from tests.integration.sites import Site, open_site, to_installation

WITHIN_S: Final = 60
KEYS_MAX: Final = 80
PAGES: Final = {
    "overview": "/",
    "dead-letters": "/dead-letters",
    "all-dead-letters": "/dead-letters?state=all",
    "scans": "/scans",
    "search": "/resources?q=a",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """*codes* are documents of the PIM's."""

    site: Site
    address: str
    context: BrowserContext
    folder: Path
    codes: Sequence[str]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for *work*; the installation and the browser share a loop."""
        return self.site.run(work)

    def command(self, *arguments: str) -> str:
        """Run a command; return what it prints."""
        environ = self.site.installation.variables
        done = run_command(*arguments, environ=environ, folder=self.folder)
        assert "Traceback" not in done.stderr
        return done.stdout

    def call(self, body: object) -> None:
        """Call the webhook, as Quable would."""
        installation = self.site.installation
        answer = self.run(
            installation.http.post(
                installation.webhook_url,
                content=json.dumps(body),
                headers={"authorization": installation.authorization},
            )
        )
        assert answer.status_code == httpx.codes.ACCEPTED

    def set_aside(self, code: str) -> None:
        """Have a document become a dead letter of the fetch stage; the PIM is well afterwards."""
        http = self.site.installation.http
        fault = {"status": httpx.codes.BAD_REQUEST, "path": f"documents/{code}"}
        self.run(http.put("/control/faults/status", json=fault))
        self.site.control("edit", code=code)
        eventually(
            lambda: code in self.command("dead-letters", "list", "--json"), within_s=WITHIN_S
        )
        self.run(http.delete("/control/faults"))

    async def examine_all(self, state: str, *more: tuple[str, str], address: str = "") -> None:
        """Examine every page in a state."""
        looker = await look(self.context, address or self.address)
        for name, path in (*PAGES.items(), *more):
            await looker.open(path)
            await looker.examine(f"{state}-{name}")
        await looker.close()


@contextmanager
def open_seen(servers: Servers, folder: Path) -> Iterator[Seen]:
    """Start an installation without a worker, its console and a browser."""
    installation = to_installation(
        servers.kafka,
        servers.elasticsearch,
        folder,
        documents=40,
        more={"QUINDEX_PIM_BATCH_MAX": "1"},  # so that the PIM can fail at one document alone
    )
    with (
        open_site(installation, workers=0) as site,
        open_console(installation.variables, folder) as address,
    ):
        browser = open_browser()
        context = site.run(browser.__aenter__())
        try:
            yield Seen(site, address, context, folder, find_products(site))
        finally:
            site.run(browser.__aexit__(None, None, None))


def find_products(site: Site) -> list[str]:
    """Return documents whose codes and names are plain."""
    return [
        code
        for kind, code, raw in site.run(read_catalog(site.installation.http))
        if kind is Kind.DOCUMENT
        and code.startswith("product-")
        and code.isascii()
        and "name" in raw["attributes"]
    ]


def to_resource(code: str) -> str:
    """Return the address of a document's page."""
    return f"/resource?kind=document&code={quote(code, safe='', errors='surrogatepass')}"


async def press_until(looker: Looker, key: str, id_: str) -> None:
    """Move the focus until it is on what has that id."""
    for _ in range(KEYS_MAX):
        await looker.page.keyboard.press(key)
        if await looker.page.evaluate("document.activeElement.id") == id_:
            return
    pytest.fail(f"{key} does not come to {id_}")
