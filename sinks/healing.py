"""Heals the log: a late snapshot that nothing newer follows has its resource looked at again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pim.kinds import parse_key
from runtime.clock import Clock
from runtime.errors import KafkaUnavailable
from runtime.logs import get_logger
from runtime.metrics import late_snapshots
from sinks.fields import to_id
from sinks.late import Late, LateSnapshots
from sinks.tombstones import to_purged_version
from topics.end_offsets import EndOffsets
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic
from topics.records import Publisher, Received

CHECK_EVERY_S: Final = 0.2

StoredVersion = Callable[[str], Awaitable[int | None]]
"""Returns the version that the index holds under an id, tombstones included."""

log = get_logger(__name__)


class Healer:
    """
    Settles stale snapshots and nulls; *ends* are the end offsets of `snapshots`.

    If the process dies before the trigger is stored, the record was not acknowledged: it is read
    again, judged again, and waited for again.
    """

    def __init__(
        self,
        *,
        ends: EndOffsets,
        stored_version: StoredVersion,
        publisher: Publisher,
        topics: TopicNames,
        wall: Clock,
    ) -> None:
        self._ends, self._stored_version = ends, stored_version
        self._publisher, self._topics, self._wall = publisher, topics, wall
        self._late = LateSnapshots()

    def passed(self, received: Received, key: str) -> None:
        """Note that the stage has taken a record of `snapshots`."""
        followed = self._late.passed(received.partition, received.offset, key)
        if followed is not None:
            followed.acknowledge()

    async def settle(self, received: Received, key: str) -> None:
        """Acknowledge a stale snapshot once something newer follows, or its resource is due."""
        try:
            end = (await self._ends.read()).get(received.partition, 0)
        except KafkaUnavailable as error:
            log.warning("late.unknown_end", key=key, error=str(error))
            end = received.offset + 1
        earlier = self._late.watch(
            Late(
                key=key,
                partition=received.partition,
                offset=received.offset,
                end=end,
                since_s=self._wall(),
                acknowledge=received.acknowledge,
            )
        )
        if earlier is not None:
            earlier.acknowledge()

    async def run(self) -> None:
        """Trigger what nothing follows, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            await self.heal()

    async def heal(self) -> None:
        """Trigger what nothing follows now."""
        for late in self._late.pop_unfollowed(self._wall()):
            await self._trigger(late.key, "late snapshot")
            late.acknowledge()

    async def settle_null(self, received: Received, key: str) -> None:
        """
        Acknowledge the null of a purged tombstone; what is newer and hidden by it is triggered.

        All snapshots of *key* before it must have been written: only the index is asked.

        Raises:
            SinkUnavailable: the index does not say which version it holds.
        """
        purged = to_purged_version(received.headers)
        if purged is not None:
            kind, code = parse_key(key)
            stored = await self._stored_version(to_id(kind, code))
            if stored is not None and stored > purged:
                await self._trigger(key, "purged too late")
        received.acknowledge()

    async def _trigger(self, key: str, reason: str) -> None:
        kind, code = parse_key(key)
        now_s = self._wall()
        await self._publisher.append(
            self._topics.notifications,
            key=to_key_bytes(code),
            value=to_synthetic(kind, code, now_s=now_s, reason=reason),
            headers=to_headers(Source.TRIGGER, now_s=now_s),
        )
        late_snapshots.inc()
        log.info("log.healed", key=key, reason=reason)

    def drop(self) -> None:
        """Forget everything: the records are delivered again."""
        self._late.clear()
