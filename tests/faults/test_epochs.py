"""
Offsets start again, keys move, stores are lost: the epoch rises above every version in use.

A worker notices and ends by its watchdog; where an operator would run `quindex setup`, it is run.
"""

import asyncio
import shutil
from collections.abc import Callable

import pytest
from kafka.admin import KafkaAdminClient

from ops.connections import kafka_admin
from ops.installation import Installation
from sinks.epochs import read_epoch
from tests.faults.commands import UNREACHABLE, make_anew, quindex
from tests.faults.fleet import EXIT_WATCHDOG
from tests.faults.lab import Lab
from tests.faults.plan import to_plan
from tests.faults.runs import Run, open_run, until, until_true
from tests.faults.sampling import read_all_documents
from tests.faults.settling import settle
from tests.faults.strikes import SERVER_READY_WITHIN_S
from topics.layout import NOTIFICATIONS_PARTITIONS
from topics.versions import to_epoch

pytestmark = [pytest.mark.stack, pytest.mark.faults]

NOTICED_WITHIN_S = 90
CONVERGED_WITHIN_S = 120
RAISED = 18
DOCUMENTS = 30


async def epoch_of(installation: Installation) -> int:
    """Return the epoch as Elasticsearch keeps it; 0: none."""
    async with installation.client() as client:
        stored = await read_epoch(client, installation.prefix)
    return 0 if stored is None else stored.epoch


async def highest_used(installation: Installation) -> int:
    """Return the highest epoch of any version in the index."""
    async with installation.client() as client:
        await client.indices.refresh(index=f"{installation.prefix}-*")
        found = await read_all_documents(installation, client)
    return max((to_epoch(seen.version) for seen in found.values()), default=0)


async def assert_works(run: Run, *, above: int) -> None:
    """Check that the epoch has risen, and that every document is searchable once edited."""
    installation = run.installation
    for number in range(len(run.burst.codes)):
        await run.burst.edit(number)
    agreement = await settle(installation, CONVERGED_WITHIN_S)

    assert agreement.is_equal, f"{agreement}: {agreement.examples()}"
    assert run.sampler.regressions == []
    epoch = await epoch_of(installation)
    assert epoch > above
    assert await highest_used(installation) == epoch


def ask_kafka(installation: Installation, change: Callable[[KafkaAdminClient], object]) -> None:
    with kafka_admin(installation.settings) as admin:
        change(admin)


async def test_notifications_deleted_and_created_anew(lab: Lab) -> None:
    async with lab.open_run(
        "epoch-anew", documents=DOCUMENTS, may_exit=(EXIT_WATCHDOG, UNREACHABLE)
    ) as run:
        installation = run.installation
        before = await epoch_of(installation)
        await make_notifications_anew(run)
        await assert_works(run, above=before)
        lab.say(f"notifications created anew: {run.fleet.exits}")


async def test_partitions_raised(lab: Lab) -> None:
    async with lab.open_run("epoch-raised", documents=DOCUMENTS) as run:
        installation = run.installation
        before = await epoch_of(installation)
        topic = installation.topics.notifications
        await asyncio.to_thread(
            ask_kafka, installation, lambda it: it.create_partitions({topic: RAISED})
        )
        await change(run, seconds=5)
        await quindex(installation, "setup")
        await until(
            lambda: run.fleet.count_exits(EXIT_WATCHDOG) >= 2,
            within_s=NOTICED_WITHIN_S,
            otherwise=run.fleet.workers[0].log_tail,
        )
        await assert_works(run, above=before)
        assert "nothing to change" in await quindex(installation, "setup")
        lab.say(f"{NOTIFICATIONS_PARTITIONS} partitions raised to {RAISED}: {run.fleet.exits}")


async def test_kafka_on_an_older_copy_of_its_data(lab: Lab) -> None:
    async with (
        lab.own_stack() as stack,
        open_run(
            stack.kafka,
            stack.elasticsearch,
            lab.folder,
            label="epoch-copy",
            documents=DOCUMENTS,
            may_exit=(EXIT_WATCHDOG, UNREACHABLE, 1),
        ) as run,
    ):
        installation, kafka = run.installation, stack.kafka_server
        before = await epoch_of(installation)
        copy = lab.folder / "kafka-copy"
        await asyncio.to_thread(kafka.stop)
        await asyncio.to_thread(shutil.copytree, kafka.data_folder, copy)
        await _start(kafka.start, kafka.wait_ready)
        await change(run, seconds=10)
        agreement = await settle(installation, CONVERGED_WITHIN_S)
        assert agreement.is_equal, f"{agreement}: {agreement.examples()}"

        await asyncio.to_thread(kafka.stop)
        await asyncio.to_thread(shutil.rmtree, kafka.data_folder)
        await asyncio.to_thread(shutil.copytree, copy, kafka.data_folder)
        await _start(kafka.start, kafka.wait_ready)
        await until(
            lambda: run.fleet.count_exits(EXIT_WATCHDOG) >= 1,
            within_s=NOTICED_WITHIN_S,
            otherwise=run.fleet.workers[0].log_tail,
        )
        await until_true(
            lambda: _is_above(installation, before),
            within_s=NOTICED_WITHIN_S,
            otherwise="the epoch has not risen",
        )
        await assert_works(run, above=before)
        lab.say(f"Kafka on an older copy: {run.fleet.exits}")


async def test_elasticsearch_wiped_after_the_epoch_has_grown(lab: Lab) -> None:
    async with lab.open_run(
        "epoch-wiped",
        documents=DOCUMENTS,
        may_exit=(EXIT_WATCHDOG, 1, UNREACHABLE),
        may_vanish=True,
    ) as run:
        installation = run.installation
        await make_notifications_anew(run)
        await assert_works(run, above=1)
        grown = await epoch_of(installation)

        async with installation.client() as client:
            names = [*await client.indices.get(index=f"{installation.prefix}-*,control-*")]
            ours = [name for name in names if installation.prefix in name]
            await client.indices.delete(index=ours)
        await quindex(installation, "setup")
        await quindex(installation, "rebuild")  # from the topic of snapshots
        run.sampler.newest.clear()
        run.sampler.revisions.clear()
        await assert_works(run, above=grown - 1)
        lab.say(f"Elasticsearch wiped at epoch {grown}: {await epoch_of(installation)}")


async def make_notifications_anew(run: Run) -> None:
    """Delete `notifications`, create it again, and wait until both workers have noticed."""
    installation = run.installation
    await make_anew(installation, installation.topics.notifications)
    await until(
        lambda: run.fleet.count_exits(EXIT_WATCHDOG) >= 2,
        within_s=NOTICED_WITHIN_S,
        otherwise=run.fleet.workers[0].log_tail,
    )


async def change(run: Run, *, seconds: float) -> None:
    """Make changes, and leave no document of the catalog deleted."""
    plan = to_plan("ci/epochs", seconds=seconds, documents=DOCUMENTS, blows={})
    await run.burst.run(plan)
    await run.burst.restore(plan)


async def _is_above(installation: Installation, epoch: int) -> bool:
    return await epoch_of(installation) > epoch


async def _start(start: Callable[[], None], wait_ready: Callable[[float], None]) -> None:
    await asyncio.to_thread(start)
    await asyncio.to_thread(wait_ready, SERVER_READY_WITHIN_S)
