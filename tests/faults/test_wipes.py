"""
A store is lost, or goes back to an older copy of its data: the wipe matrix of docs/operations.md.

A supervisor starts again what dies; where an operator would run a command, it is run.
"""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from ops.catalog import compare_with_catalog
from ops.connections import kafka_admin
from ops.installation import Installation
from ops.lag import read_positions as read_group_positions
from sinks.epochs import read_epoch
from sinks.fields import to_alias
from sinks.generations import read_live_indices
from sinks.positions import read_positions
from stack.local import LocalStack
from stack.server import Server
from streams.surroundings import describe_topics
from tests.faults.burst import put
from tests.faults.commands import make_anew
from tests.faults.fleet import EXIT_UNREACHABLE, EXIT_WATCHDOG
from tests.faults.lab import Lab
from tests.faults.runs import Run, open_run, until_true
from tests.faults.settling import settle
from tests.faults.strikes import SERVER_READY_WITHIN_S
from tests.integration.calls import quindex

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 30
CONVERGED_WITHIN_S = 150
REMEMBERED_WITHIN_S = 60
DRIFT = 6
NOT_SET_UP = 5
MAY_EXIT = (EXIT_WATCHDOG, EXIT_UNREACHABLE, NOT_SET_UP, 1)
SETTINGS = {"QUINDEX_KINDS": "document"}


async def test_elasticsearch_wiped_is_rebuilt_without_the_pim(lab: Lab) -> None:
    async with (
        lab.own_stack() as stack,
        open_lost(stack, lab, "wiped-index") as run,
    ):
        installation = run.installation
        async with pim_is_away(installation):
            await wipe(stack.elasticsearch_server)
            await command(installation, "setup")
            await command(installation, "rebuild")
            await assert_equal_now(installation)
        await assert_an_edit_is_seen(run)
        await assert_converges(run)


async def test_kafka_wiped_and_then_both(lab: Lab) -> None:
    async with (
        lab.own_stack() as stack,
        open_lost(stack, lab, "wiped-log") as run,
    ):
        installation = run.installation
        before = await epoch_of(installation)
        await lose_news(run, deleted=-1)
        await wipe(stack.kafka_server)
        await command(installation, "setup")
        seen_s = await assert_an_edit_is_seen(run)
        await command(installation, "reconcile", codes=(0, DRIFT))
        await assert_converges(run)
        await command(installation, "reconcile")
        assert await epoch_of(installation) > before
        lab.say(
            f"Kafka wiped: an edit was searchable after {seen_s:.1f} s, workers' start included"
        )

        await lose_news(run, deleted=-2)
        await asyncio.gather(wipe(stack.kafka_server), wipe(stack.elasticsearch_server))
        await command(installation, "setup")
        await command(installation, "backfill")
        await assert_converges(run)
        await assert_an_edit_is_seen(run)
        await assert_converges(run)


async def test_elasticsearch_on_an_older_copy_catches_up_by_itself(lab: Lab) -> None:
    async with (
        lab.own_stack() as stack,
        open_lost(stack, lab, "older-index") as run,
    ):
        installation, server = run.installation, stack.elasticsearch_server
        copy = lab.folder / "elasticsearch-copy"
        await assert_remembers(installation)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(shutil.copytree, server.data_folder, copy)
        await start(server)
        for number in range(DOCUMENTS):
            await run.burst.edit(number)
        await installation.control("delete", kind="document", code=run.burst.codes[0])
        await assert_converges(run)
        requests = await installation.requests()

        # A copy put in its place within the seconds before that would go unnoticed by workers that
        # run: docs/operations.md has them stopped.
        await assert_remembers(installation)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(shutil.rmtree, server.data_folder)
        await asyncio.to_thread(shutil.copytree, copy, server.data_folder)
        await start(server)
        await assert_converges(run)
        used = await installation.requests() - requests
        lab.say(f"Elasticsearch on an older copy: caught up with {used} requests to the PIM")


async def test_snapshots_lost_is_filled_from_the_pim(lab: Lab) -> None:
    async with lab.open_run(
        "snapshots-lost",
        documents=DOCUMENTS,
        more=SETTINGS,
        may_exit=MAY_EXIT,
        watched=False,
    ) as run:
        installation = run.installation
        await make_anew(installation, installation.topics.snapshots)
        await command(installation, "rebuild", "--from-pim", "--json")
        async with installation.client() as client:
            live = await read_live_indices(
                client, installation.prefix, installation.settings.locales
            )
        assert {index[-6:] for index in live.values()} == {"000002"}
        await assert_equal_now(installation)
        await assert_an_edit_is_seen(run)
        await assert_converges(run)


async def assert_remembers(installation: Installation) -> None:
    """Wait until the index knows how far it has come."""
    await until_true(
        lambda: remembers(installation),
        within_s=REMEMBERED_WITHIN_S,
        otherwise="the index does not remember how far it has come",
    )


async def remembers(installation: Installation) -> bool:
    """Whether the index knows how far it has come in each partition of `snapshots`."""
    topic = installation.topics.snapshots

    def read_committed() -> dict[int, int]:
        with kafka_admin(installation.settings) as admin:
            positions = read_group_positions(admin, installation.topics)
        return {
            where.partition: position.committed
            for where, position in positions.items()
            if where.topic == topic and position.committed
        }

    committed = await asyncio.to_thread(read_committed)
    state = (await asyncio.to_thread(describe_topics, installation.settings))[topic]
    async with installation.client() as client:
        found = await read_positions(
            client, installation.prefix, topic_id=state.topic_id, partitions=state.partitions
        )
    return bool(committed) and {p: at for p, at in found.items() if at} == committed


@contextlib.asynccontextmanager
async def open_lost(stack: LocalStack, lab: Lab, label: str) -> AsyncIterator[Run]:
    """Open a run whose index is full, on servers that are its own; what goes back is no finding."""
    async with open_run(
        stack.kafka,
        stack.elasticsearch,
        lab.folder,
        label=label,
        documents=DOCUMENTS,
        more=SETTINGS,
        may_exit=MAY_EXIT,
        watched=False,
    ) as run:
        yield run


@contextlib.asynccontextmanager
async def pim_is_away(installation: Installation) -> AsyncIterator[None]:
    """Let the PIM answer 503 to everything."""
    await put(installation, "faults/status", status=503)
    yield
    await installation.http.delete("/control/faults")


async def lose_news(run: Run, *, deleted: int) -> None:
    """Change what nothing in the log will tell: it lay only in what is going to be wiped."""
    for code in run.burst.codes[:3]:
        await run.installation.control("edit", kind="document", code=code, silent=True)
    gone = run.burst.codes[deleted]
    await run.installation.control("delete", kind="document", code=gone, silent=True)


async def wipe(server: Server) -> None:
    """Let a server lose all of its data."""
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(shutil.rmtree, server.data_folder)
    await start(server)


async def start(server: Server) -> None:
    """Start a server and wait for it."""
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.wait_ready, SERVER_READY_WITHIN_S)


async def command(installation: Installation, *arguments: str, codes: Sequence[int] = (0,)) -> None:
    """Run a command that ends with one of *codes*."""
    done = await quindex(installation, *arguments)
    assert done.code in codes, f"{arguments}: {done.code} {done.out}{done.err}"


async def assert_an_edit_is_seen(run: Run) -> float:
    """Check that an edit becomes searchable, whatever else is still to be mended; return seconds."""
    since_s = time.monotonic()
    code = await run.burst.edit(run.burst.plain[0])
    answer = await run.installation.http.get(
        "/control/resource", params={"kind": "document", "id": code}
    )
    wanted = int(answer.json()["attributes"]["sim_revision"])

    async def is_seen() -> bool:
        return await read_revision(run.installation, code) == wanted

    await until_true(is_seen, within_s=CONVERGED_WITHIN_S, otherwise=f"{code} is not seen")
    return time.monotonic() - since_s


async def read_revision(installation: Installation, code: str) -> int | None:
    """Return the revision that a reader finds."""
    async with installation.client() as client:
        found = await client.search(
            index=to_alias(installation.prefix, "fr_FR"), query={"term": {"code": code}}
        )
    return to_revision(found["hits"]["hits"][0]["_source"]) if found["hits"]["hits"] else None


def to_revision(document: Mapping[str, Any]) -> int:
    """Return the revision that a search document says it has."""
    return int(next(iter(document["attributes"]["sim_revision"].values())))


async def assert_equal_now(installation: Installation) -> None:
    """Compare the whole index with the whole catalog, once."""
    async with installation.client() as client:
        agreement = await compare_with_catalog(installation.http, client, installation.settings)
    assert agreement.is_equal, f"{agreement}: {agreement.examples()}"


async def assert_converges(run: Run) -> None:
    """Check that the index becomes what the PIM is."""
    agreement = await settle(run.installation, CONVERGED_WITHIN_S)
    assert agreement.is_equal, f"{agreement}: {agreement.examples()}"


async def epoch_of(installation: Installation) -> int:
    """Return the epoch as Elasticsearch keeps it."""
    async with installation.client() as client:
        stored = await read_epoch(client, installation.prefix)
    assert stored is not None
    return stored.epoch
