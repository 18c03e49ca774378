"""
Backfill, rebuild and rollback of many documents, with whole processes on real servers.

    python bench/transfers.py [--documents 20000] [--steps backfill,live,fire,rollback]

Servers are started unless QUINDEX_KAFKA and QUINDEX_ELASTICSEARCH name some. The steps:

    backfill    the requests that it takes, while workers are killed and started again
    live        how soon edits can be searched in quiet, and while a backfill runs
    fire        a rebuild while 20 edits, 5 creations, 2 deletes and 20 searches go on per second
    rollback    how soon readers are switched back after 2,000 edits, and when all is read on
"""

import argparse
import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ops.installation import Installation
from sinks.fields import to_alias
from tests.integration.fire import Rates, fire
from tests.integration.large_sites import assert_equal, open_large_site, run

KILL_EVERY_S: Final = 6.0
LIVE_EVERY_S: Final = 0.5
LIVE_EDITS: Final = 60
SEEN_WITHIN_S: Final = 120.0
EDITS_BEFORE_ROLLBACK: Final = 2_000


async def count_page_requests(site: Installation) -> int:
    """Return how many lists of documents the PIM was asked for."""
    return int((await site.look("requests"))["endpoints"].get("GET /api/documents", 0))


async def measure_backfill(site: Installation) -> None:
    """Kill a worker now and then; count what the PIM was asked."""
    before = await count_page_requests(site)
    since_s, starts = time.monotonic(), 0
    reading = asyncio.create_task(run(site, "backfill", "--json"))
    for worker in itertools.cycle(site.workers):
        await asyncio.wait([reading], timeout=KILL_EVERY_S)
        if reading.done():
            break
        await asyncio.to_thread(worker.kill)
        worker.start()
        starts += 1
    scan = json.loads((await reading).out)
    took_s = time.monotonic() - since_s
    asked = await count_page_requests(site) - before
    print(
        f"backfill: {scan['resources']} documents in {took_s:.0f} s with {starts} workers killed; "
        f"{scan['requests']} requests by its record, {asked} lists asked for at the PIM, of which "
        f"{starts} by the checks of workers that started"
    )
    print(await assert_equal(site), flush=True)


async def measure_live(site: Installation) -> None:
    """Edit in quiet, then while a backfill runs."""
    quiet = await see_edits(site, LIVE_EDITS)
    reading = asyncio.create_task(run(site, "backfill", "--json"))
    meanwhile: list[float] = []
    while not reading.done():
        meanwhile += await see_edits(site, 5)
    await reading
    print(
        f"live edits: in quiet p50 {to_share(quiet, 50):.2f} s, p95 {to_share(quiet, 95):.2f} s "
        f"({len(quiet)}); during a backfill p50 {to_share(meanwhile, 50):.2f} s, "
        f"p95 {to_share(meanwhile, 95):.2f} s ({len(meanwhile)})"
    )
    print(await assert_equal(site), flush=True)


async def see_edits(site: Installation, count: int) -> list[float]:
    """Edit one document after the other; return after how many seconds each was found."""
    async with site.client() as client:

        async def see() -> float:
            since_s = time.monotonic()
            change = await site.control("edit", kind="document")
            code, wanted = change["code"], int(change["revision"])
            alias = to_alias(site.prefix, "fr_FR")
            while time.monotonic() - since_s < SEEN_WITHIN_S:
                found = await client.search(index=alias, query={"term": {"code": code}})
                for hit in found["hits"]["hits"]:
                    shown = hit["_source"]["attributes"]["sim_revision"]
                    if next(iter(shown.values())) >= wanted:
                        return time.monotonic() - since_s
                await asyncio.sleep(0.1)
            return SEEN_WITHIN_S

        tasks = []
        for _ in range(count):
            tasks.append(asyncio.create_task(see()))
            await asyncio.sleep(LIVE_EVERY_S)
        return list(await asyncio.gather(*tasks))


def to_share(seconds: list[float], percent: int) -> float:
    """Return a percentile."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


async def measure_fire(site: Installation) -> None:
    """Rebuild while everything goes on."""
    since_s = time.monotonic()
    async with fire(site, Rates(edits=20, creates=5, deletes=2, searches=20)) as going:
        await asyncio.sleep(10)
        filled_s = time.monotonic()
        done = await run(site, "rebuild", "--json")
        took_s = time.monotonic() - filled_s
    print(
        f"rebuild under fire: {took_s:.0f} s; {going.edits / (time.monotonic() - since_s):.1f} "
        f"changes and {going.searches / (time.monotonic() - since_s):.1f} searches per second, "
        f"{len(going.failures)} failed or empty {going.failures[:3]}; {done.out.strip()}"
    )
    print(await assert_equal(site), flush=True)


async def measure_rollback(site: Installation) -> None:
    """Edit after a rebuild, then go back."""
    await run(site, "rebuild", "--json")
    await site.control("bulk-edit", documents=EDITS_BEFORE_ROLLBACK)
    print(await assert_equal(site), flush=True)
    requests = await site.requests()
    since_s = time.monotonic()
    done = json.loads((await run(site, "rollback", "--json")).out)
    print(
        f"rollback after {EDITS_BEFORE_ROLLBACK} edits: switched after {done['switched_s']} s of "
        f"the command, {done['read_on']} snapshots read on, {time.monotonic() - since_s:.1f} s in "
        f"all, {await site.requests() - requests} requests to the PIM"
    )
    print(await assert_equal(site), flush=True)


STEPS: Final[Mapping[str, Callable[[Installation], Awaitable[None]]]] = {
    "backfill": measure_backfill,
    "live": measure_live,
    "fire": measure_fire,
    "rollback": measure_rollback,
}


async def measure(documents: int, steps: list[str]) -> None:
    """Go through the steps; where the first is no backfill, the index is filled before."""
    async with open_large_site(documents) as site:
        if steps[0] != "backfill":
            await run(site, "backfill")
            print(await assert_equal(site), flush=True)
        for step in steps:
            await STEPS[step](site)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--steps", default=",".join(STEPS))
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.documents, arguments.steps.split(",")))


if __name__ == "__main__":
    main()
