"""An installation of many documents, for measurements: quota without end, servers of its own."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from ops.installation import Installation
from stack.local import LocalStack
from tests.integration.calls import Done, finish, start

COMMAND_WITHIN_S: Final = 900.0
SETTLE_WITHIN_S: Final = 900.0
SETTINGS: Final = {
    "QUINDEX_KINDS": "document",
    "QUINDEX_SESSION_TIMEOUT_S": "6",
    "QUINDEX_PIM_QUOTA_10MIN": "1000000",
    "QUINDEX_PIM_QUOTA_24H": "100000000",
}


@contextmanager
def open_stack() -> Iterator[tuple[str, str]]:
    """Yield the addresses of Kafka and Elasticsearch, started unless variables name both."""
    named = (os.environ.get("QUINDEX_KAFKA", ""), os.environ.get("QUINDEX_ELASTICSEARCH", ""))
    if all(named):
        yield named
        return
    with LocalStack() as local:
        yield local.kafka, local.elasticsearch


@asynccontextmanager
async def open_large_site(documents: int) -> AsyncIterator[Installation]:
    """Start servers where none are named, and an installation with two workers."""
    async with AsyncExitStack() as stack:
        kafka, elasticsearch = stack.enter_context(open_stack())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = Installation(
            kafka,
            elasticsearch,
            folder,
            prefix=f"bench{uuid.uuid4().hex[:8]}",
            documents=documents,
            more=SETTINGS,
        )
        try:
            await site.start(workers=2)
            await site.http.put("/control/quota", json={"windows": []})
            yield site
        finally:
            await site.stop()


async def run(site: Installation, *arguments: str) -> Done:
    """Run a command of ours to its end."""
    done = await finish(await start(site, *arguments), COMMAND_WITHIN_S)
    assert done.code == 0, f"{arguments}: {done.code} {done.err}"
    return done


async def assert_equal(site: Installation) -> str:
    """Wait until index and PIM agree; return it in words."""
    agreement = await site.settle(SETTLE_WITHIN_S)
    assert agreement.is_equal, agreement.examples()
    return f"    then: {agreement}, same {agreement.same}"
