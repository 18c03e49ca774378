"""Two ingress processes behind nginx, as docs/examples/nginx.conf has them."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.ingress.nginx import nginx_before
from tests.ingress.processes import Ingress, ingress_for
from topics.names import TopicNames


@asynccontextmanager
async def two_behind_nginx(
    bootstrap: str, folder: Path, more: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[tuple[Ingress, Ingress], int, TopicNames]]:
    """Two processes that share a spool folder, as the example has them; both accept."""
    async with ingress_for(bootstrap, folder / "spool") as (first, names):
        first.settings = {**first.settings, **(more or {})}
        second = Ingress(first.settings)
        try:
            await asyncio.gather(first.start(), second.start())
            async with nginx_before((first.ports[0], second.ports[0]), folder) as port:
                yield (first, second), port, names
        finally:
            if second.process is not None:
                await second.stop(signal.SIGKILL)
