"""What `quindex rebuild` and `quindex rollback` share: connections, and the steps in order."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from ops.connections import elasticsearch_client, kafka_admin, publisher_of
from ops.failures import said_plainly
from ops.lag import read_positions
from ops.progress import Progress
from ops.reference import read_reference
from ops.scanning import follow, refuse_failed, start_scans, to_kinds, to_left
from runtime.errors import Refused, Unreachable
from runtime.settings import Settings
from sinks.agreement import Findings
from sinks.rules_file import load_rules
from sinks.transfers import Phase, Stored, read_transfer
from streams.rebuild import Rebuild, is_going_on
from topics.creation import TopicState, describe
from topics.names import TopicNames
from topics.scans import ScanPurpose, ScanRecord

COMPLETED_WITHIN_S: Final = 600.0
"""How long a command waits for the worker that completes its swap."""
_LOOK_EVERY_S: Final = 1.0


@asynccontextmanager
async def open_rebuild(settings: Settings) -> AsyncIterator[Rebuild]:
    """
    Yield a rebuild that is connected.

    Raises:
        Unreachable: Kafka or Elasticsearch does not answer, or nothing was set up.
    """
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(elasticsearch_client(settings))
        publisher = await stack.enter_async_context(publisher_of(settings, append_max_s=None))
        stack.enter_context(said_plainly(settings))  # filling takes a while: brokers may go away
        yield Rebuild(
            settings=settings,
            client=client,
            publisher=publisher,
            snapshots=await asyncio.to_thread(_describe_snapshots, settings),
            committed=lambda: _read_committed(settings),
            types=(await read_reference(settings)).types,
            report=Progress("snapshots"),
            rules=load_rules(settings.attributes),
        )


async def rebuild(settings: Settings, *, parallel: int, dry_run: bool) -> dict[str, Any]:
    """
    Fill new indices, compare, swap, read on; return what was done.

    Raises:
        Refused: the new indices do not say what the live ones say; nothing was swapped.
    """
    async with open_rebuild(settings) as work:
        stored = await work.begin()
        await _fill(work, stored, parallel)
        await work.complete_fill(stored)
        findings = await work.compare(stored)
        if findings.problems:
            raise Refused(_to_refusal(findings))
        result = {
            "indices": dict(stored.transfer.target),
            "sampled": findings.sampled,
            "searched": findings.searched,
            "remarks": findings.remarks,
            "swapped": not dry_run,
        }
        if not dry_run:
            swapped = await work.swap(stored)
            result["read_on"] = await complete(work, swapped)
        return result


async def read_pim(settings: Settings) -> None:
    """
    Have the workers read every resource into `snapshots`, and wait for it.

    Raises:
        OperatorError: a scan has failed, or was cancelled: `snapshots` is not whole.
    """
    scans = await start_scans(settings, ScanPurpose.BACKFILL, to_kinds((), settings), since_s=None)
    progress = Progress("resources", limit="the PIM's quota")

    def report(mine: list[ScanRecord]) -> None:
        progress("reading the PIM", sum(scan.resources for scan in mine), to_left(mine))

    done = await follow(settings, [scan.id for scan in scans], report)
    refuse_failed(done)


async def complete(work: Rebuild, stored: Stored, *, within_s: float = COMPLETED_WITHIN_S) -> int:
    """
    Read on after a swap; return how many records that were.

    A worker that has seen no sign of life for a while does it instead: it is waited for, and what
    it has read is not counted here. The wait has an end: *within_s*.

    Raises:
        Refused: somebody else is at work, and does not come to an end.
    """
    try:
        return await work.complete(stored)
    except Refused:
        deadline_s = time.monotonic() + within_s
        while (seen := await read_transfer(work.client, work.settings.index_prefix)) is not None:
            if seen.transfer.phase is Phase.DONE:
                return 0
            if not is_going_on(stored.transfer, seen.transfer, now_s=work.clock()):
                break
            if time.monotonic() > deadline_s:
                raise Refused(
                    "Readers use the new indices, but a worker that reads on has not come to its "
                    f"end for {within_s:g} s. It goes on with that; transfer.not_completed "
                    "in the workers' logs says what hinders it."
                ) from None
            await asyncio.sleep(_LOOK_EVERY_S)
        raise


async def roll_back(settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """Move readers back, apply what has come since; return what was done."""
    since_s = time.monotonic()
    async with open_rebuild(settings) as work:
        if dry_run:
            transfer, _ = await work.find_rollback()
            return {"indices": dict(transfer.target), "switched": False}
        stored = await work.roll_back()
        switched_s = time.monotonic() - since_s
        records = await complete(work, stored)
        return {
            "indices": dict(stored.transfer.target),
            "switched": True,
            "switched_s": round(switched_s, 3),
            "read_on": records,
        }


async def fill_share(settings: Settings, share: int, of: int) -> None:
    """Read one share of the partitions: what a reader beside the command does."""
    async with open_rebuild(settings) as work:
        stored = await work.begin()
        await work.fill(stored, range(share, work.snapshots.partitions, of))


async def _fill(work: Rebuild, stored: Stored, parallel: int) -> None:
    parallel = min(parallel, work.snapshots.partitions)
    readers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ops", "rebuild", "--share", f"{share}/{parallel}")
        )
        for share in range(1, parallel)
    ]
    try:
        await work.fill(stored, range(0, work.snapshots.partitions, parallel))
        for code in await asyncio.gather(*(reader.wait() for reader in readers)):
            if code != 0:
                raise Unreachable(f"A reader ended with exit code {code}; run it again.")
    finally:
        for reader in readers:
            if reader.returncode is None:
                reader.terminate()


def _describe_snapshots(settings: Settings) -> TopicState:
    name = TopicNames(settings.topic_prefix).snapshots
    with kafka_admin(settings) as admin:
        found = describe(admin, [name])
    if name not in found:
        raise Unreachable(f"There is no topic {name}. Run quindex setup first.")
    return found[name]


def _read_committed(settings: Settings) -> Mapping[int, int]:
    topics = TopicNames(settings.topic_prefix)
    with kafka_admin(settings) as admin:
        positions = read_positions(admin, topics)
    return {
        where.partition: position.committed or 0
        for where, position in positions.items()
        if where.topic == topics.snapshots
    }


def _to_refusal(findings: Findings) -> str:
    problems = "\n".join(f"  {problem}" for problem in findings.problems)
    return (
        f"The new indices differ from the live ones, so nothing was swapped:\n{problems}\n"
        "Run quindex reconcile to find out which side is right, or run this again: it goes on "
        "where it stopped."
    )
