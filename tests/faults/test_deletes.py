"""Deleted, created again, deleted again, while old news arrives late: what is gone stays gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from ops.installation import Installation
from pim.kinds import Kind
from sinks.fields import to_alias, to_id
from tests.faults.burst import put
from tests.faults.evidence import read_topic
from tests.faults.lab import Lab
from tests.faults.runs import Run
from tests.faults.settling import settle
from tests.faults.zombies import to_wrapper

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 200
LIVE = 20  # are never touched
KEPT = 50
GC_DELETES_S = 1.0
WITHIN_S = 180
LATE = 60
_WATCH_EVERY_S = 0.2


async def test_what_is_deleted_is_never_visible_again_and_what_is_recreated_is(lab: Lab) -> None:
    async with lab.open_run(
        "deletes",
        documents=LIVE,
        wrapper=to_wrapper("look-again-soon"),
        more={
            "QUINDEX_KINDS": "document",
            "QUINDEX_UNANNOUNCED_DELETES_MAX": "1000",  # the brake has a test of its own
            "QUINDEX_PIM_QUOTA_10MIN": "100000",
        },
    ) as run:
        installation = run.installation
        await put(installation, "quota", windows=[])
        await forget_deletes_soon(installation)
        # Of their own: nothing links to them, so that no cascade drowns what is tested.
        codes = [f"gone-{number:03}" for number in range(DOCUMENTS)]
        for verb in ("create", "delete", "recreate", "delete"):
            await change_all(run, verb, codes)
            assert (await settle(installation, WITHIN_S)).is_equal
            await asyncio.sleep(2 * GC_DELETES_S)
        kept, gone = codes[:KEPT], codes[KEPT:]
        await change_all(run, "recreate", kept)
        assert (await settle(installation, WITHIN_S)).is_equal

        async with watched(installation, gone) as seen:
            await announce_late(installation, gone[:LATE])
            verdict = await run.judge(within_s=WITHIN_S)
        lab.say(f"{DOCUMENTS} deleted, created and deleted again: {verdict}")

        verdict.assert_kept()
        assert seen == set()
        found = await visible(installation, kept)
        assert found == {to_id(Kind.DOCUMENT, code) for code in kept}
        assert verdict.evidence.duplicates >= LATE


async def forget_deletes_soon(installation: Installation) -> None:
    """Let Elasticsearch forget the versions of deleted documents after a second."""
    async with installation.client() as client:
        await client.indices.put_settings(
            index=f"{installation.prefix}-*",
            settings={"index.gc_deletes": f"{GC_DELETES_S:g}s"},
        )


async def change_all(run: Run, verb: str, codes: list[str]) -> None:
    """Delete or create again."""
    for code in codes:
        await run.installation.control(verb, kind="document", code=code)


async def announce_late(installation: Installation, codes: list[str]) -> None:
    """Post again the first notification of each, as the webhook did long ago."""
    topic = installation.topics.notifications
    firsts: dict[str, object] = {}
    for each in await asyncio.to_thread(read_topic, installation, topic):
        body = each.json
        if body.get("code") in {"document.update", "document.create"}:
            firsts.setdefault(body["resource"]["code"], body)
    for code in codes:
        await installation.control("announce", body=firsts[code])


@contextlib.asynccontextmanager
async def watched(installation: Installation, codes: list[str]) -> AsyncIterator[set[str]]:
    """Yield the ids of *codes* that readers have seen meanwhile."""
    seen: set[str] = set()

    async def watch() -> None:
        while True:
            seen.update(await visible(installation, codes))
            await asyncio.sleep(_WATCH_EVERY_S)

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def visible(installation: Installation, codes: list[str]) -> set[str]:
    """Return the ids of those that a reader of an alias finds, in any locale."""
    aliases = [to_alias(installation.prefix, each) for each in installation.locales.split(",")]
    async with installation.client() as client:
        found = await client.search(
            index=",".join(aliases),
            query={"terms": {"code": codes}},
            size=len(codes) * len(aliases),
            source=False,
        )
    return {hit["_id"] for hit in found["hits"]["hits"]}
