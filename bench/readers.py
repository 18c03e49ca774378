"""
The rebuild with more readers, and the index stage with more workers, on one machine.

    python bench/readers.py [--documents 20000]

Servers are started unless QUINDEX_KAFKA and QUINDEX_ELASTICSEARCH name some. With 1, 2 and 3 of
each: search documents per second, and processor seconds per 10,000 snapshots.
"""

import argparse
import asyncio
import os
import resource
import time
from pathlib import Path
from typing import Final

from kafka import OffsetAndMetadata, TopicPartition

from ops.connections import kafka_admin
from ops.installation import Installation
from ops.lag import read_positions
from tests.integration.large_sites import assert_equal, open_large_site, run

COUNTS: Final = (1, 2, 3)
WITHIN_S: Final = 900.0
_PER: Final = 10_000
_POLL_S: Final = 0.2


async def measure(documents: int) -> None:
    """Print one line for each number of readers and of workers."""
    async with open_large_site(documents) as site:
        await run(site, "backfill")
        await assert_equal(site)
        for readers in COUNTS:
            await measure_rebuild(site, readers)
        for workers in COUNTS:
            await measure_index_stage(site, workers)


async def measure_rebuild(site: Installation, readers: int) -> None:
    """Rebuild with so many readers; their processor time is that of all of our child processes."""
    used_s, since_s = _child_seconds(), time.monotonic()
    await run(site, "rebuild", "--parallel", str(readers), "--json")
    took_s, used_s = time.monotonic() - since_s, _child_seconds() - used_s
    count = sum(_count_snapshots(site).values())
    print(
        f"rebuild, {readers} readers: {count} snapshots in {took_s:.1f} s, "
        f"{count * len(site.locales.split(',')) / took_s:,.0f} search documents/s, "
        f"{used_s * _PER / count:.1f} processor seconds per {_PER} snapshots",
        flush=True,
    )


async def measure_index_stage(site: Installation, workers: int) -> None:
    """Have so many workers write every snapshot once more, from the first on."""
    await asyncio.gather(*(asyncio.to_thread(each.stop) for each in site.workers))
    site.workers.clear()
    await asyncio.to_thread(_rewind, site)
    started = [site.start_worker() for _ in range(workers)]
    await site.workers_started()
    first, used = await _wait_for_progress(site), [_processor_s(each.pid) for each in started]
    since_s = time.monotonic()
    while (left := await site.lag()) > 0:
        assert time.monotonic() - since_s < WITHIN_S, f"{left} left"
        await asyncio.sleep(_POLL_S)
    took_s = time.monotonic() - since_s
    used_s = sum(_processor_s(each.pid) for each in started) - sum(used)
    count = max(1, first)
    print(
        f"index stage, {workers} workers: {count} snapshots in {took_s:.1f} s, "
        f"{count * len(site.locales.split(',')) / took_s:,.0f} search documents/s, "
        f"{used_s * _PER / count:.1f} processor seconds per {_PER} snapshots",
        flush=True,
    )


async def _wait_for_progress(site: Installation) -> int:
    """Wait until all have their partitions and write; return how many records are left."""
    whole = await site.lag()
    while (left := await site.lag()) == whole:  # noqa: ASYNC110  # the brokers tell no event
        await asyncio.sleep(_POLL_S)
    return left


def _count_snapshots(site: Installation) -> dict[TopicPartition, int]:
    with kafka_admin(site.settings) as admin:
        positions = read_positions(admin, site.topics)
    return {
        where: position.end
        for where, position in positions.items()
        if where.topic == site.topics.snapshots
    }


def _rewind(site: Installation) -> None:
    offsets = {where: OffsetAndMetadata(0, "", -1) for where in _count_snapshots(site)}
    with kafka_admin(site.settings) as admin:
        admin.alter_group_offsets(site.topics.group, offsets)


def _child_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    asyncio.run(measure(parser.parse_args().documents))


if __name__ == "__main__":
    main()
