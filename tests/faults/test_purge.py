"""Tombstones are purged from index and topic; what was created again meanwhile survives."""

import asyncio

import pytest
from kafka import KafkaProducer

from ops.installation import Installation
from sinks.tombstones import HEADER_VERSION
from tests.faults.evidence import Lying, read_topic
from tests.faults.lab import Lab
from tests.faults.runs import until_true
from tests.faults.sampling import read_all_documents
from tests.faults.settling import settle
from tests.faults.test_deletes import change_all
from tests.faults.zombies import to_wrapper

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DOCUMENTS = 30
WITHIN_S = 60


async def test_a_purge_forgets_tombstones_and_spares_what_was_created_again(lab: Lab) -> None:
    async with lab.open_run(
        "purge",
        documents=DOCUMENTS,
        workers=2,
        wrapper=to_wrapper("look-again-soon,purge-soon"),
        more={"QUINDEX_KINDS": "document"},
        may_vanish=True,
    ) as run:
        installation = run.installation
        gone, back = list(run.burst.codes[:10]), list(run.burst.codes[10:20])
        await change_all(run, "delete", [*gone, *back])
        assert (await settle(installation, WITHIN_S)).is_equal
        await change_all(run, "recreate", back)
        assert (await settle(installation, WITHIN_S)).is_equal
        await until_true(
            lambda: _has_no_tombstones(installation),
            within_s=WITHIN_S,
            otherwise="tombstones are left",
        )
        await until_true(
            lambda: _lies_there(installation, gone, back),
            within_s=WITHIN_S,
            otherwise="the log does not end as it should",
        )
        last = await read_last(installation)

        # One that comes too late: compaction would keep it in place of what lives.
        await asyncio.to_thread(append_null, installation, last[_to_key(back[0])])
        await until_true(
            lambda: _is_healed(installation, back[0]),
            within_s=WITHIN_S,
            otherwise="no snapshot follows the null",
        )
        agreement = await settle(installation, WITHIN_S)
        lab.say(f"purge: {agreement}, {run.fleet.count_logged('tombstones.purged')} purges")

        assert agreement.is_equal, agreement.examples()
        assert run.sampler.regressions == []
        assert run.fleet.count_logged('"purged too late"') >= 1


async def read_last(installation: Installation) -> dict[bytes | None, Lying]:
    """Return what compaction would keep of `snapshots`."""
    records = await asyncio.to_thread(read_topic, installation, installation.topics.snapshots)
    return {each.key: each for each in records}


def append_null(installation: Installation, last: Lying) -> None:
    """Append the null of an older tombstone of a resource."""
    producer = KafkaProducer(bootstrap_servers=installation.kafka)
    try:
        version = str(last.json["version"] - 1).encode()
        producer.send(
            installation.topics.snapshots,
            key=last.key,
            value=None,
            headers=[(HEADER_VERSION, version)],
            partition=last.partition,
        ).get(timeout=30)
    finally:
        producer.close()


async def _has_no_tombstones(installation: Installation) -> bool:
    async with installation.client() as client:
        found = await read_all_documents(installation, client)
    return not any(seen.deleted for seen in found.values())


async def _lies_there(installation: Installation, gone: list[str], back: list[str]) -> bool:
    """A null that came too late is healed, and a second look at what is gone is purged again."""
    last = await read_last(installation)
    is_gone = all(last[_to_key(code)].value is None for code in gone)
    return is_gone and all(last[_to_key(code)].value is not None for code in back)


async def _is_healed(installation: Installation, code: str) -> bool:
    return (await read_last(installation))[_to_key(code)].value is not None


def _to_key(code: str) -> bytes:
    return f"document:{code}".encode()
