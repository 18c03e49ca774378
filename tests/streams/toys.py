"""Stages that only take."""

import asyncio
from dataclasses import dataclass, field

from topics.records import Received


@dataclass
class Toy:
    """A stage that takes what comes, or takes one record and no more."""

    blocked: bool = False
    taken: list[Received] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    waits_for: str | None = None

    async def take(self, received: Received) -> None:
        """Take it; wait, if blocked; acknowledge it."""
        self.taken.append(received)
        if self.blocked:
            await self.released.wait()
        received.acknowledge()

    async def run(self) -> None:
        """Do nothing for ever."""
        await asyncio.Event().wait()

    def drop(self) -> None:
        """Hold nothing that could be dropped."""

    async def drain(self) -> None:
        """Hold nothing that could be drained."""

    async def until(self, count: int, *, within_s: float) -> None:
        """Wait until so many records were taken, each counted once."""
        async with asyncio.timeout(within_s):
            while len({(each.partition, each.offset) for each in self.taken}) < count:  # noqa: ASYNC110  # a condition of many records
                await asyncio.sleep(0.05)
