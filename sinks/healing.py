"""Heals the log: a late snapshot that nothing newer follows has its resource looked at again."""

import asyncio
from typing import Final

from pim.kinds import parse_key
from runtime.clock import Clock
from runtime.errors import KafkaUnavailable
from runtime.logs import get_logger
from runtime.metrics import late_snapshots
from sinks.late import Late, LateSnapshots
from topics.end_offsets import EndOffsets
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic
from topics.records import Publisher, Received

CHECK_EVERY_S: Final = 0.2

log = get_logger(__name__)


class Healer:
    """
    Settles stale snapshots; *ends* are the end offsets of `snapshots`.

    If the process dies before the trigger is stored, the snapshot was not acknowledged: it is
    read again, found stale again, and waited for again.
    """

    def __init__(
        self, *, ends: EndOffsets, publisher: Publisher, topics: TopicNames, wall: Clock
    ) -> None:
        self._ends, self._publisher, self._topics, self._wall = ends, publisher, topics, wall
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
            kind, code = parse_key(late.key)
            now_s = self._wall()
            await self._publisher.append(
                self._topics.notifications,
                key=to_key_bytes(code),
                value=to_synthetic(kind, code, now_s=now_s, reason="late snapshot"),
                headers=to_headers(Source.TRIGGER, now_s=now_s),
            )
            late.acknowledge()
            late_snapshots.inc()
            log.info("log.healed", key=late.key)

    def drop(self) -> None:
        """Forget everything: the records are delivered again."""
        self._late.clear()
