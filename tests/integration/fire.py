"""Edits and searches that go on while something else happens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ops.installation import Installation
from sinks.fields import to_alias


@dataclass(frozen=True, slots=True)
class Rates:
    """How often what happens, per second."""

    edits: float = 13.0
    creates: float = 4.0
    deletes: float = 1.5
    searches: float = 20.0


USUAL = Rates()


@dataclass
class Fire:
    """What went on meanwhile."""

    edits: int = 0
    searches: int = 0
    failures: list[str] = field(default_factory=list)


@asynccontextmanager
async def fire(installation: Installation, rates: Rates = USUAL) -> AsyncIterator[Fire]:
    """Edit, create, delete and search until the block is left."""
    going = Fire()

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            going.failures.append(repr(error))

    async def change(verb: str) -> None:
        going.edits += 1
        await installation.control(verb, kind="document")

    async with installation.client() as client:

        async def search() -> None:
            """Search as a shop does: the alias always finds something."""
            going.searches += 1
            found = await client.search(index=to_alias(installation.prefix, "fr_FR"), size=1)
            if not found["hits"]["hits"]:
                going.failures.append("empty")

        tasks = [
            asyncio.create_task(_repeat(rates.edits, lambda: change("edit"))),
            asyncio.create_task(_repeat(rates.creates, lambda: change("create"))),
            asyncio.create_task(_repeat(rates.deletes, lambda: change("delete"))),
            asyncio.create_task(_repeat(rates.searches, search)),
        ]
        for task in tasks:
            task.add_done_callback(ended)
        try:
            yield going
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(per_second: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do something so often; on a slow machine less often."""
    loop = asyncio.get_running_loop()
    next_s = loop.time()
    while True:
        await work()
        next_s = max(next_s + 1 / per_second, loop.time() - 1.0)
        await asyncio.sleep(max(0.0, next_s - loop.time()))
