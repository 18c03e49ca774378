"""
What it costs to bring documents up to date, in requests to the PIM and in seconds.

    quindex stack up; export QUINDEX_KAFKA=… QUINDEX_ELASTICSEARCH=…
    python bench/fetch.py [--documents 2000] [--repeat 5]

A bulk edit changes each document several times while somebody edits others one by one. Three ways
in turn: packs of up to 50 documents in a request, one document in a request, and one GET for each
notification, which is a bare client that has nothing else to do. Then lone edits on an idle
installation. An edit counts from the moment at which the ingress has accepted its webhook call.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import httpx
import orjson
from elasticsearch import AsyncElasticsearch

from ops.catalog import read_catalog
from ops.installation import Installation
from pim.kinds import Kind
from pim.urls import is_hard_on_paths
from sinks.fields import to_alias

LOCALE = "fr_FR"
IDLE_EDITS = 60
BUSY_EDITS = 30
EDIT_EVERY_S = 1.0
PART = 50
PART_EVERY_S = 0.6
"""How long the bulk edit takes for a part: 400 notifications a second, where each document has 5."""
POLL_S = 0.05
WITHIN_S = 600.0
GETS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Bulk:
    """What a bulk edit has cost."""

    documents: int
    notifications: int
    requests: int
    seconds: float
    edits_s: Sequence[float] = ()

    def __str__(self) -> str:
        edits = f"; lone edits meanwhile {to_spans(self.edits_s)}" if self.edits_s else ""
        return (
            f"{self.documents} documents, {self.notifications} notifications: {self.requests}"
            f" requests ({self.requests / self.documents:.3f} for each document),"
            f" {self.documents / self.seconds:.0f} documents per second ({self.seconds:.1f} s){edits}"
        )


async def measure(documents: int, repeat: int) -> None:
    """Print one line for each way."""
    for pack_max in (50, 1):
        async with asyncio.timeout(WITHIN_S * 2):
            await measure_pack(documents, repeat, pack_max)


async def measure_pack(documents: int, repeat: int, pack_max: int) -> None:
    """Measure one installation."""
    with tempfile.TemporaryDirectory() as folder:
        site = Installation(
            os.environ["QUINDEX_KAFKA"],
            os.environ["QUINDEX_ELASTICSEARCH"],
            Path(folder),
            prefix=f"bench{uuid.uuid4().hex[:8]}",
            documents=documents + IDLE_EDITS + BUSY_EDITS + 40,  # some codes are hard on paths
            more={
                "QUINDEX_KINDS": "document",
                "QUINDEX_PIM_BATCH_MAX": str(pack_max),
                "QUINDEX_PIM_QUOTA_10MIN": "100000",
            },
        )
        await site.start()
        try:
            await site.http.put("/control/quota", json={"windows": []})
            await fill(site)
            codes = [
                code
                for kind, code, _ in await read_catalog(site.http)
                if kind is Kind.DOCUMENT and not is_hard_on_paths(code)
            ]
            lone, bulk = codes[: IDLE_EDITS + BUSY_EDITS], codes[-documents:]
            async with site.client() as client:
                idle_s = await edit_all(site, client, lone[:IDLE_EDITS])
                print(f"up to {pack_max} in a request, idle: lone edits {to_spans(idle_s)}")
                busy = await edit_in_bulk(site, client, bulk, repeat, lone[IDLE_EDITS:])
                print(f"up to {pack_max} in a request: {busy}")
            if pack_max == 1:
                print(f"one GET for each notification: {await get_each(site, bulk, repeat)}")
        finally:
            await site.stop()


async def fill(site: Installation) -> None:
    """Read the catalog by a backfill."""
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ops", "backfill"],
        env={**os.environ, **site.variables},
        check=True,
        stdout=sys.stderr,
    )


async def edit_in_bulk(
    site: Installation,
    client: AsyncElasticsearch,
    codes: Sequence[str],
    repeat: int,
    lone: Sequence[str],
) -> Bulk:
    """Edit documents in one process, and others one by one, until everything is searchable."""
    before, began_s = await site.requests(), time.monotonic()
    editing = asyncio.create_task(edit_all(site, client, lone))
    notifications = await edit_in_parts(site, codes, repeat)
    edits_s = await editing
    agreement = await site.settle(WITHIN_S)
    assert agreement.is_equal, f"{agreement}: {agreement.examples()}"
    requests, seconds = await site.requests() - before, time.monotonic() - began_s
    changed = len(codes) + len(lone)
    return Bulk(changed, notifications + len(lone), requests, seconds, edits_s)


async def edit_in_parts(site: Installation, codes: Sequence[str], repeat: int) -> int:
    """
    Edit documents in one process, some after the other; return the notifications.

    All at once, the simulated PIM would have to announce everything before the next lone edit.
    """
    process, notifications = str(uuid.uuid4()), 0
    for start in range(0, len(codes), PART):
        began_s, part = time.monotonic(), list(codes[start : start + PART])
        done = await site.control(
            "bulk-edit", documents=part, repeat=repeat, process=process, finish=False
        )
        notifications += done["notifications"]
        await asyncio.sleep(max(0.0, began_s + PART_EVERY_S - time.monotonic()))
    done = await site.control("bulk-edit", documents=[], process=process)
    return notifications + int(done["notifications"])


async def get_each(site: Installation, codes: Sequence[str], repeat: int) -> Bulk:
    """Ask for a document whenever it is named, some at once."""
    slots = asyncio.Semaphore(GETS_AT_ONCE)
    headers = {"Authorization": "Bearer simulator-token", "Accept": "application/ld+json"}
    began_s = time.monotonic()
    async with httpx.AsyncClient(base_url=site.simulator_url, headers=headers) as http:

        async def get(code: str) -> None:
            async with slots:
                answer = await http.get(f"/api/documents/{code}")
                assert answer.json()["id"] == code

        for _ in range(repeat):
            await asyncio.gather(*map(get, codes))
    count = len(codes) * repeat
    return Bulk(len(codes), count, count, time.monotonic() - began_s)


async def edit_all(
    site: Installation, client: AsyncElasticsearch, codes: Sequence[str]
) -> list[float]:
    """Edit documents one by one; return how long each took to be searchable."""
    waits = []
    for code in codes:
        began_s = time.monotonic()
        edit = await site.control("edit", kind="document", code=code, locale=LOCALE)
        found_s = asyncio.create_task(wait_until_found(site, client, code, edit["revision"]))
        waits.append((edit["uuid"], found_s))
        await asyncio.sleep(max(0.0, began_s + EDIT_EVERY_S - time.monotonic()))
    found = {uuid_: await task for uuid_, task in waits}
    shown = await site.http.get("/control/webhook/notifications")
    lines = map(orjson.loads, shown.content.splitlines())
    accepted = {each["uuid"]: each["accepted_s"] for each in lines if each["uuid"] in found}
    return [found[uuid_] - accepted[uuid_] for uuid_ in found]


async def wait_until_found(
    site: Installation, client: AsyncElasticsearch, code: str, revision: int
) -> float:
    """Return when a search first showed that revision, unix seconds."""
    alias = to_alias(site.prefix, LOCALE)
    while True:
        answer = await client.search(index=alias, query={"term": {"code": code}})
        for hit in answer["hits"]["hits"]:
            if hit["_source"]["attributes"]["sim_revision"]["number"] >= revision:
                return time.time()
        await asyncio.sleep(POLL_S)


def to_spans(seconds: Sequence[float]) -> str:
    """Return median and 95th percentile."""
    p95_s = quantiles(seconds, n=20)[-1]
    return f"p50 {median(seconds):.2f} s, p95 {p95_s:.2f} s, n = {len(seconds)}"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.documents, arguments.repeat))


if __name__ == "__main__":
    main()
