"""
Planted bugs, for `python -m tests.faults.mutant`: each must be caught by some check.

docs/testing.md says which check catches which.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import orjson
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from sinks import elasticsearch
from sinks.healing import Healer
from sinks.writes import Write
from streams import settling
from streams.debounce_stage import Debouncer
from streams.fetch_stage import Fetcher
from streams.missing import MissingVerdict
from streams.safe_consumer import SafeConsumer
from streams.surroundings import Surroundings
from tests.faults.patches import swap

COMMITTED_WITHIN_S: Final = 20.0
"""The commit timer runs every second; a record before this one may hold up the commit for good."""


def acknowledge_first() -> None:
    """Debounce acknowledges before the due record is stored, and has time to commit that."""
    waiting: dict[asyncio.Event, tuple[TP, int]] = {}

    async def commit(self: Any, offsets: Mapping[TP, int], **more: Any) -> bool:
        is_stored = bool(await commit_offsets(self, offsets, **more))
        for committed, (where, offset) in waiting.items():
            if is_stored and offsets.get(where, 0) > offset:
                committed.set()
        return is_stored

    async def append(self: Any, entry: Any) -> None:
        committed, receipt = asyncio.Event(), entry.receipt
        waiting[committed] = TP(receipt.topic, receipt.partition), receipt.offset
        receipt.acknowledge()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(committed.wait(), COMMITTED_WITHIN_S)
        finally:
            del waiting[committed]
        await original(self, entry)

    commit_offsets = swap(SafeConsumer, "_commit_offsets", commit)
    original = swap(Debouncer, "_append", append)


def vanilla_commit() -> None:
    """Faust commits by its own bookkeeping; the ledgers only watch."""
    for name in (
        "ack",
        "_add_gap",
        "_filter_tps_with_pending_acks",
        "_new_offset",
        "_should_commit",
        "_commit_offsets",
    ):
        delattr(SafeConsumer, name)


def no_version() -> None:
    """Search documents are written without a version: the last write wins."""
    _swap_operations(lambda write: {"index": {"_index": write.alias, "_id": write.id}})


def real_deletes() -> None:
    """Tombstones are no documents but deletes, which Elasticsearch forgets after a while."""

    def to_action(write: Write) -> dict[str, Any]:
        verb = "delete" if orjson.loads(write.body)["deleted"] else "index"
        return {verb: _to_versioned(write, "external_gte")}

    _swap_operations(to_action)


def strict_version() -> None:
    """`external` in place of `external_gte`: an equal version is refused."""
    _swap_operations(lambda write: {"index": _to_versioned(write, "external")})


def epoch_at_start() -> None:
    """A worker looks at the epoch and the topics when it starts, and never again."""

    async def look(_self: Any) -> None:
        return None

    swap(Surroundings, "look", look)


def end_after_request() -> None:
    """The end offset is read after the request to the PIM, not before."""

    async def settle(self: Any, entry: Any, resource: Any, _ends: Any, fetched_s: float) -> None:
        await original(self, entry, resource, await self._ends.read(), fetched_s)

    original = swap(Fetcher, "_settle", settle)


def no_final_commit() -> None:
    """Neither a rebalance nor the end of a worker commits what the timer has not."""

    async def revoked(self: Any, partitions: Any) -> None:
        await driver.Consumer.on_partitions_revoked(self, partitions)
        for partition in partitions:
            self.ledgers.pop(partition, None)

    async def nothing(_self: Any) -> None:
        return None

    swap(SafeConsumer, "on_partitions_revoked", revoked)
    setattr(SafeConsumer, "on_stop", nothing)  # noqa: B010  # as swap does; it inherits this one


def no_redelivery() -> None:
    """What was held when partitions moved is forgotten, and not read again."""

    async def revoked(self: Any, partitions: Any) -> None:
        self.positions = {where: each.position for where, each in self.ledgers.items()}
        await revoke(self, partitions)

    async def perform_seek(self: Any) -> None:
        await seek(self)
        for where, position in getattr(self, "positions", {}).items():
            if where in self.assignment():
                await self.seek(where, position)

    revoke = swap(SafeConsumer, "on_partitions_revoked", revoked)
    seek = swap(SafeConsumer, "perform_seek", perform_seek)


def believe_every_404() -> None:
    """A 404 is a delete, whatever the PIM is up to."""
    swap(settling, "judge_missing", lambda **_: MissingVerdict.DELETED)


def dead_letter_on_503() -> None:
    """What the PIM cannot answer now is set aside."""

    async def give_up(self: Any, entries: Any) -> None:
        for entry in entries:
            await self._settler.give_up(entry, reason="unavailable", error="503")
            self._finish(entry)

    def postpone(self: Any, entries: Any, _error: Any) -> None:
        self._kept = asyncio.create_task(give_up(self, entries))

    swap(Fetcher, "_postpone", postpone)


def no_healing() -> None:
    """A late snapshot is acknowledged, though it is the last of its resource in the log."""

    async def settle(_self: Any, received: Any, _key: str) -> None:
        received.acknowledge()

    swap(Healer, "settle", settle)


def _swap_operations(to_action: Callable[[Write], Mapping[str, Any]]) -> None:
    def to_operations(writes: Sequence[Write]) -> list[bytes]:
        lines = []
        for write in writes:
            action = to_action(write)
            lines.append(orjson.dumps(action))
            if "index" in action:
                lines.append(write.body)
        return lines

    swap(elasticsearch, "to_operations", to_operations)


def _to_versioned(write: Write, version_type: str) -> dict[str, Any]:
    return {
        "_index": write.alias,
        "_id": write.id,
        "version": write.version,
        "version_type": version_type,
    }


MUTANTS: Final[Mapping[str, Callable[[], None]]] = {
    "acknowledge-first": acknowledge_first,
    "vanilla-commit": vanilla_commit,
    "no-version": no_version,
    "real-deletes": real_deletes,
    "strict-version": strict_version,
    "epoch-at-start": epoch_at_start,
    "end-after-request": end_after_request,
    "no-final-commit": no_final_commit,
    "no-redelivery": no_redelivery,
    "believe-every-404": believe_every_404,
    "dead-letter-on-503": dead_letter_on_503,
    "no-healing": no_healing,
}
