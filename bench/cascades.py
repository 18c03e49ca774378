"""
What one change costs that many resources show, in requests to the PIM.

    quindex stack up; export QUINDEX_KAFKA=… QUINDEX_ELASTICSEARCH=…
    python bench/cascades.py [--documents 5000] [--links 500]

A simulated PIM is read by one backfill; then a classification of a fifth of its documents is
renamed, a value that a third of its variants use is relabelled, and an asset of so many links is
edited. Each ends when every search document in every locale says what the PIM says.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from ops.installation import Installation
from tests.integration.cascades import edit_asset, relabel_value, rename_classification


async def measure(documents: int, links: int) -> None:
    """Print one line for each change."""
    with tempfile.TemporaryDirectory() as folder:
        site = Installation(
            os.environ["QUINDEX_KAFKA"],
            os.environ["QUINDEX_ELASTICSEARCH"],
            Path(folder),
            prefix=f"bench{uuid.uuid4().hex[:8]}",
            documents=documents,
        )
        await site.start()
        try:
            await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "ops", "backfill"],
                env={**os.environ, **site.variables},
                check=True,
            )
            print(f"read by {await site.requests()} requests")
            print(await rename_classification(site, resources_max=documents))
            print(await relabel_value(site))
            print(await edit_asset(site, links=links))
        finally:
            await site.stop()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=5_000)
    parser.add_argument("--links", type=int, default=500)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.documents, arguments.links))


if __name__ == "__main__":
    main()
