"""A headless Chromium that looks at a console, and complains about what no page may do."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, async_playwright

from tests.integration.commands import without_settings

SCREENSHOTS: Final = Path(__file__).parents[2] / ".cache" / "screenshots"
SHOWN_WITHIN_MS: Final = 60_000
NARROW: Final = {"width": 360, "height": 740}
WIDE: Final = {"width": 1280, "height": 800}
_SERIOUS: Final = frozenset({"serious", "critical"})
OK: Final = 200
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def open_console(variables: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Run `quindex console` on a free port; yield its address."""
    environ = {**without_settings(), **variables, "QUINDEX_CONSOLE_PORT": "0"}
    with (folder / "console.log").open("ab") as log:
        process = subprocess.Popen(  # our own command
            [sys.executable, "-m", "ops", "console"],
            env=environ,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, (folder / "console.log").read_text()
        yield address.rstrip("/")
        process.terminate()
        assert process.wait(30) == 0, (folder / "console.log").read_text()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass
class Looker:
    """One window; *wrong* is what a page did that none may do."""

    page: Page
    address: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(SHOWN_WITHIN_MS)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._asked)

    async def open(self, path: str, *, status: int = OK) -> None:
        """Open a page and wait until it is live, if it ever is."""
        answer = await self.page.goto(self.address + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"
        if status != OK:  # of which a browser's console complains by itself
            self.wrong = [each for each in self.wrong if f"status of {status} " not in each]
        if await self.page.locator("[data-live]").count():
            await self.page.locator("#liveness", has_text="live").wait_for()

    async def wait_for(self, text: str) -> None:
        """Wait until a page shows *text*."""
        await self.page.get_by_text(text).first.wait_for()

    async def examine(self, name: str) -> None:
        """Keep a screenshot of what is open, and look at it as someone who cannot see would."""
        scheme: Literal["light", "dark"]
        for scheme in ("light", "dark"):
            for size, there in ((WIDE, "wide"), (NARROW, "narrow")):
                await self.page.emulate_media(color_scheme=scheme)
                await self.page.set_viewport_size(size)  # type: ignore[arg-type]  # width and height
                SCREENSHOTS.mkdir(parents=True, exist_ok=True)
                path = SCREENSHOTS / f"{name}-{scheme}-{there}.png"
                await self.page.screenshot(path=path, full_page=True)
                width: int = await self.page.evaluate("document.documentElement.scrollWidth")
                assert width <= size["width"], f"{name}: {width} pixels are too many"
            await self._assert_accessible(f"{name}, {scheme}")
        await self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]  # as above

    async def close(self) -> None:
        """Close the window; no error was on the browser's console, no other host was asked."""
        await self.page.close()
        assert self.wrong == []

    async def _assert_accessible(self, name: str) -> None:
        found: Any = await Axe().run(self.page)
        serious = [
            f"{each['id']}: {[node['target'] for node in each['nodes'][:3]]}"
            for each in found.response["violations"]
            if each["impact"] in _SERIOUS
        ]
        assert serious == [], name

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.address).netloc:
            self.wrong.append(f"asked {request.url}")


@asynccontextmanager
async def open_browser() -> AsyncIterator[BrowserContext]:
    """
    Yield the Chromium that is installed, with no memory of anything.

    Nothing is skipped where there is none: `.ci/run` installs one.
    """
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    assert path is not None, "no Chromium is installed (Debian: apt-get install chromium)"
    # Root has no sandbox of Chromium's; what is looked at is our own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield await browser.new_context()
        finally:
            await browser.close()
            await asyncio.sleep(0)


async def look(context: BrowserContext, address: str) -> Looker:
    """Open a window."""
    return Looker(await context.new_page(), address)
