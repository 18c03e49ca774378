"""The stage that reads `due`: resources to fetch go to one part of it, pages of scans to another."""

import asyncio
from dataclasses import dataclass
from typing import Final

from streams.scanner import Scanner
from streams.scouting import Scout
from streams.stage import Stage
from topics.records import Received
from topics.scans import is_scan

SCAN_GOES_ON: Final = "a scan's next page"
"""No trouble: its records wait for their turn by nature."""


def to_trouble(*reasons: str | None) -> str | None:
    """Return the first thing that a stage waits for and that somebody should hear of."""
    return next((each for each in reasons if each not in (None, SCAN_GOES_ON)), None)


@dataclass(frozen=True, slots=True)
class DueStage:
    """Hands each record to whom it concerns; live edits that lie far behind a bulk go before it."""

    fetcher: Stage
    scanner: Scanner
    scout: Scout

    @property
    def waits_for(self) -> str | None:
        """What keeps fetching from going on, or SCAN_GOES_ON."""
        return self.fetcher.waits_for or (SCAN_GOES_ON if self.scanner.is_active else None)

    async def take(self, received: Received) -> None:
        """Accept a record; waits while the fetch stage is full."""
        if is_scan(received.key) and received.value:
            await self.scanner.take(received)
        else:
            await self.scout.take(received)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.fetcher.run())
            group.create_task(self.scanner.run())
            group.create_task(self.scout.run())

    def drop(self) -> None:
        """Forget everything held: partitions have moved."""
        self.fetcher.drop()
        self.scanner.drop()
        self.scout.drop()

    async def drain(self) -> None:
        """Finish what is being fetched; a scan's page is read again by the next owner."""
        await self.fetcher.drain()
