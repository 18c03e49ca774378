"""What commands about scans share: starting them, and following them in `due`."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import click

from ops.connections import publisher_of
from ops.failures import said_plainly
from ops.terminal import show
from ops.whole_logs import read_whole_batches
from pim.kinds import Kind
from runtime.errors import OperatorError
from runtime.settings import Settings
from streams.log_reader import Read
from streams.scanner import to_new_scan
from topics.layout import DUE_PARTITION
from topics.names import TopicNames
from topics.scans import (
    ScanPhase,
    ScanPurpose,
    ScanRecord,
    fold_scans,
    is_scan,
    to_cancel_key,
)

POLL_S: Final = 1.0


@dataclass
class ScanLog:
    """
    The newest record of every scan; each reading takes only what came since the last one.

    Most of `due` is about single resources: none of those is kept. A reading that is cancelled is
    gone on with by the next one, so that a log that takes longer than a look may is read in the end.
    """

    settings: Settings
    read_batches: Callable[[Settings, str, int], AsyncGenerator[list[Read], None]] = (
        read_whole_batches
    )
    _newest: dict[bytes, bytes | None] = field(default_factory=dict)
    _next: int = 0
    # Of two readings at once, the one behind would put older records over newer ones.
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> list[ScanRecord]:
        """
        Return all scans, oldest first.

        Raises:
            Unreachable: Kafka does not answer.
        """
        topic = TopicNames(self.settings.topic_prefix).due
        async with self._lock:
            with said_plainly(self.settings):
                reading = self.read_batches(self.settings, topic, self._next)
                async with aclosing(reading) as batches:
                    async for batch in batches:
                        self._take(batch)
            return fold_scans(self._newest)

    def _take(self, batch: Sequence[Read]) -> None:
        for record in batch:
            self._next = record.offset + 1
            if record.key is not None and is_scan(record.key):
                self._newest[record.key] = record.value


async def start_scans(
    settings: Settings, purpose: ScanPurpose, kinds: Sequence[Kind], *, since_s: float | None
) -> list[ScanRecord]:
    """Append the first record of one scan per kind."""
    topics = TopicNames(settings.topic_prefix)
    scans = [
        to_new_scan(purpose, kind, now_s=time.time(), since_s=since_s, asked_by="command")
        for kind in kinds
    ]
    async with publisher_of(settings) as publisher:
        for scan in scans:
            await publisher.append(
                topics.due, key=scan.key, value=scan.to_json(), partition=DUE_PARTITION
            )
    return scans


async def cancel_scan(settings: Settings, scan_id: str) -> None:
    """Ask the owner of `due` to stop a scan at its next page."""
    topics = TopicNames(settings.topic_prefix)
    async with publisher_of(settings) as publisher:
        await publisher.append(topics.control, key=to_cancel_key(scan_id), value=b"{}")


async def follow(
    settings: Settings, ids: Sequence[str], report: Callable[[list[ScanRecord]], None]
) -> list[ScanRecord]:
    """Tell *report* how the scans go on; return them once all are over."""
    scans = ScanLog(settings)
    while True:
        mine = [scan for scan in await scans.read() if scan.id in ids]
        report(mine)
        if len(mine) == len(ids) and all(scan.is_over for scan in mine):
            return mine
        await asyncio.sleep(POLL_S)


def refuse_failed(scans: Sequence[ScanRecord]) -> None:
    """
    Raises:
        OperatorError: a scan has not come to its end; says which, and why.
    """
    cancelled = [scan for scan in scans if scan.phase is ScanPhase.CANCELLED]
    if cancelled:
        names = ", ".join(f"{scan.id} of {scan.kind.value}" for scan in cancelled)
        raise OperatorError(f"Somebody has cancelled {names}: what it did not reach is not known.")
    failed = [scan for scan in scans if scan.phase is ScanPhase.FAILED]
    if failed:
        lines = "\n".join(
            f"  {scan.id} of {scan.kind.value}: {show(scan.error)}" for scan in failed
        )
        raise OperatorError(
            f"The PIM answers, but pages could not be read for an hour:\n{lines}\n"
            "Look at what the PIM says there, then run it again."
        )


def tell_started(scans: Sequence[ScanRecord], *, as_json: bool) -> None:
    """Say which scans go on without this command: on stderr, for programs as a result."""
    for scan in scans:
        click.echo(f"started scan {scan.id} of {scan.kind.value}", err=True)
    if as_json:
        started = [{"id": scan.id, "kind": scan.kind.value} for scan in scans]
        click.echo(json.dumps({"started": started}))


def to_kinds(given: Sequence[str], settings: Settings) -> list[Kind]:
    """Return the kinds that were asked for, or all that are indexed."""
    return [Kind(kind) for kind in given or settings.kinds]


def to_left(scans: Sequence[ScanRecord]) -> int:
    """Return how many resources are still to be read, as far as the PIM has said."""
    return sum(max(0, (scan.total or 0) - scan.resources) for scan in scans if not scan.is_over)
