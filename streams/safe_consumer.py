"""
Faust with offsets that can be trusted.

`PipelineApp` is a Faust app whose consumer commits by `Ledger`: a record that was not acknowledged
is never committed past, an acknowledgement from before a rebalance does not count, and a commit
that the broker refused is tried again. What is overridden here is private to Faust;
tests/streams/test_faust_pins.py notices when an upgrade changes it.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from faust.types.transports import ConsumerCallback

from runtime.logs import get_logger
from runtime.points import reach
from streams.ledger import Ledger

_REVOKE_COMMIT_MAX_S: Final = 5.0
_FETCH_WAIT_MAX_MS: Final = 250
"""
How long a broker may hold a fetch that finds nothing. A partition whose records lie in memory is
not part of the fetch under way, so this bounds how long its next record waits (Faust: 1500 ms).
"""

log = get_logger(__name__)
_faust_log: Final = logging.getLogger("faust")  # Faust would log under the names of our modules


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    logger = _faust_log

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MAX_MS  # noqa: SLF001  # read when it starts
        return consumer


class SafeConsumer(driver.Consumer):
    """Commits only what is contiguous and acknowledged."""

    logger = _faust_log

    def __init__(
        self, transport: Any, callback: ConsumerCallback, *args: Any, **kwargs: Any
    ) -> None:
        self.ledgers: dict[TP, Ledger] = {}

        async def deliver(message: ConsumerMessage) -> Any:
            # Before anything can buffer, drop or acknowledge it.
            if self.app.topics.acks_enabled_for(message.topic):
                self.ledgers.setdefault(message.tp, Ledger()).deliver(message.offset)
            return await callback(message)

        super().__init__(transport, deliver, *args, **kwargs)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Any) -> bool:
        """Acknowledge, unless the record was delivered before the last rebalance."""
        if message.generation_id != self.app.consumer_generation_id:
            message.acked = True
            self._unacked_messages.discard(message)
            return False
        return super().ack(message)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: the ledger needs no gaps."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (
            tp for tp in list(self.ledgers) if topics is None or tp in topics or tp.topic in topics
        )

    def _new_offset(self, tp: TP) -> int | None:
        ledger, acked = self.ledgers.get(tp), self._acked[tp]
        if ledger is not None:
            for offset in acked:
                ledger.acknowledge(offset)
        acked.clear()
        self._acked_index[tp].clear()
        return ledger.to_commit() if ledger is not None else None

    def _should_commit(self, tp: TP, offset: int) -> bool:  # noqa: ARG002  # Faust's signature
        return True

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        reach("commit.before")
        stored = await super()._commit_offsets(offsets, start_new_transaction)
        reach("commit.after")
        if stored:
            for tp, offset in offsets.items():
                if tp in self.ledgers:
                    self.ledgers[tp].committed(offset)
        return stored

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit while still a member of the group, then forget what was held."""
        try:
            async with asyncio.timeout(_REVOKE_COMMIT_MAX_S):
                await self.commit()
        except TimeoutError:
            log.warning("commit.timed_out", within_s=_REVOKE_COMMIT_MAX_S)
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self.ledgers.pop(tp, None)

    async def perform_seek(self) -> None:
        """Go back to the committed offsets: everything not acknowledged is delivered again."""
        self.ledgers.clear()
        self._acked.clear()
        self._acked_index.clear()
        await super().perform_seek()


class SafeTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = SafeConsumer


class PipelineApp(faust.App):
    """A Faust app with offsets that can be trusted."""

    logger = _faust_log

    def _new_transport(self) -> SafeTransport:
        return SafeTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Do nothing: without tables nothing is stored, and the root may be read-only."""
