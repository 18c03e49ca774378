"""So many keys of a process wait for the quota; a live edit is fetched all the same."""

import asyncio
from pathlib import Path
from statistics import median
from typing import Any, Final

from kafka import KafkaProducer

from ops.installation import Installation
from pim.kinds import Kind
from tests.faults.evidence import read_topic
from tests.faults.memory import read_peak_bytes
from tests.faults.runs import open_run, until, until_true
from tests.integration.calls import quindex
from topics.due import DueRecord, Lane
from topics.layout import NOTIFICATIONS_PARTITIONS
from topics.notifications import to_key_bytes
from topics.partitions import to_partition

PEAK_MAX_BYTES: Final = 300 * 1024 * 1024
DOCUMENTS: Final = 30
EDITS: Final = 10
_QUOTA: Final = 400
_WITHIN_S: Final = 180.0


async def assert_live_goes_first(kafka: str, elasticsearch: str, folder: Path, *, keys: int) -> str:
    """Let *keys* wait, then edit; return what was measured."""
    async with open_run(
        kafka,
        elasticsearch,
        folder,
        label="backlog",
        documents=DOCUMENTS,
        workers=1,
        locales="fr_FR",
        fallbacks="",
        more={
            "QUINDEX_KINDS": "document",
            "QUINDEX_PIM_BATCH_MAX": "1",
            "QUINDEX_PIM_QUOTA_10MIN": str(_QUOTA),
            "QUINDEX_PIM_QUOTA_SHARE": "1",
        },
    ) as run:
        installation = run.installation
        await asyncio.to_thread(append_bulk, installation, keys)
        await until(
            lambda: run.fleet.count_logged('"scout.started"'),
            within_s=_WITHIN_S,
            otherwise="the stage was never full",
        )
        codes = []
        for number in run.burst.plain[:EDITS]:
            codes.append(await run.burst.edit(number))
            await asyncio.sleep(0.5)

        async def are_fetched() -> bool:
            return len(await asyncio.to_thread(read_waits, installation, codes)) == len(codes)

        await until_true(are_fetched, within_s=_WITHIN_S, otherwise="live edits wait")
        waits_s = await asyncio.to_thread(read_waits, installation, codes)
        waiting = await count_waiting(installation)
        peak_bytes = read_peak_bytes(run.fleet.workers[0])
        said = (
            f"{keys} keys of a process wait: {len(waits_s)} live edits fetched after"
            f" {median(waits_s.values()):.2f} s, at most {max(waits_s.values()):.2f} s;"
            f" the owner's peak {peak_bytes >> 20} MiB, {waiting} still wait"
        )

        assert run.fleet.exits == []
        assert keys - _QUOTA <= waiting <= keys, said
        assert peak_bytes < PEAK_MAX_BYTES, said
    return said


async def count_waiting(installation: Installation) -> int:
    """Return how many resources of a process wait, once `quindex quota` has counted them all."""
    told: Any = None

    async def is_whole() -> bool:
        nonlocal told
        done = await quindex(installation, "quota", "--json")
        assert done.code == 0, done.err
        told = done.to_json()
        return bool(told["is_whole"])

    await until_true(is_whole, within_s=_WITHIN_S, otherwise="not all could be counted in time")
    return int(told["lanes"]["process"]["resources"])


def append_bulk(installation: Installation, keys: int) -> None:
    """Append due records of a process for resources that nobody has."""
    producer = KafkaProducer(bootstrap_servers=installation.kafka, linger_ms=20)
    try:
        for number in range(keys):
            code = f"bulk-{number:06}"
            record = DueRecord(
                kind=Kind.DOCUMENT,
                code=code,
                lane=Lane.PROCESS,
                partition=to_partition(to_key_bytes(code), NOTIFICATIONS_PARTITIONS),
                offset=0,
                notified_s=0.0,
                newest_s=0.0,
            )
            producer.send(installation.topics.due, key=record.key.encode(), value=record.to_json())
        producer.flush(timeout=120)
    finally:
        producer.close()


def read_waits(installation: Installation, codes: list[str]) -> dict[str, float]:
    """Return how long each of the newest live edits waited to be asked for."""
    edited = dict.fromkeys(codes, 0.0)
    for each in read_topic(installation, installation.topics.notifications):
        code = (each.key or b"").decode()
        if code in edited:
            edited[code] = max(edited[code], each.appended_s)
    found = {}
    for each in read_topic(installation, installation.topics.snapshots):
        body = each.json
        if body.get("code") in edited and body["newest_at"] >= edited[body["code"]] - 0.01:
            found[body["code"]] = body["fetched_at"] - body["newest_at"]
    return found
