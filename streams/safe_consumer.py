"""
Faust with offsets that can be trusted.

`PipelineApp` is a Faust app whose consumer commits by `Ledger`: a record that was not acknowledged
is never committed past, an acknowledgement from before a rebalance does not count, and a commit
that the broker refused is tried again. After a rebalance every record from the committed offset on
is delivered, whatever was read before it. What is overridden here is private to Faust;
tests/streams/test_faust_pins.py notices when an upgrade changes it.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from faust.tables.recovery import RebalanceAgain
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from faust.types.transports import ConsumerCallback
from mode.services import WaitResults
from mode.utils.queues import ThrowableQueue

from runtime.errors import MustRestart
from runtime.logs import get_logger
from runtime.points import reach
from streams.ledger import Ledger
from streams.offset_trust import OffsetTrust

FETCH_WAIT_MAX_MS: Final = 250
"""
How long a broker may hold a fetch that finds nothing. A partition whose records lie in memory is
not part of the fetch under way, so this bounds how long its next record waits (Faust: 1500 ms).
"""

log = get_logger(__name__)
_faust_log: Final = logging.getLogger("faust")  # Faust would log under the names of our modules


class _Fetched(dict[TP, Any]):
    """Records by partition; *seeks* is how often the consumer had been sent elsewhere before."""

    seeks = 0


class SeekTimedOut(MustRestart):
    """Nobody says where to go on from."""


class _NoOffsets(dict[TP, int | None]):
    """
    Where Faust keeps the last offset that it has read, and the last one that it has committed.

    It drops in silence the records below the one, and acknowledgements below the other. A record
    that waits for a stage while partitions move would be noted there when it is over, and so would
    a commit that outlasts them, even a refused one. This keeps nothing, so that nothing is dropped.
    """

    def __getitem__(self, tp: TP) -> int | None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass

    def update(self, *_: Any, **__: Any) -> None:
        pass


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    logger = _faust_log

    app: "PipelineApp"
    seeks = 0
    """How often all partitions were sent to where the group may resume; changed in the thread."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MAX_MS  # noqa: SLF001  # read when it starts
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to where the group may resume; return these offsets."""
        indexed = await self.app.read_indexed()
        return cast(Mapping[TP, int], await self.call_thread(self._seek_to_trusted, indexed))

    async def _seek_to_trusted(self, indexed: Mapping[int, int]) -> Mapping[TP, int]:
        consumer, trust = self._ensure_consumer(), self.app.trust
        assigned = list(consumer.assignment())
        committed = await consumer._coordinator.fetch_committed_offsets(assigned)  # noqa: SLF001  # the public call drops the metadata
        first = await consumer.beginning_offsets(assigned)
        starts = {}
        for tp in assigned:
            found = committed.get(tp)
            start = trust.to_start(
                tp.topic,
                committed=found.offset if found is not None and found.offset >= 0 else None,
                metadata=found.metadata if found is not None else "",
                indexed=indexed.get(tp.partition) if tp.topic == self.app.indexed_topic else None,
            )
            starts[tp] = first[tp] if start is None else start
            consumer.seek(tp, starts[tp])
        self.seeks += 1  # nothing was awaited since the first seek
        return starts

    async def _fetch_records(self, *args: Any, **options: Any) -> Mapping[TP, Any]:
        fetched = _Fetched(await super()._fetch_records(*args, **options))
        fetched.seeks = self.seeks
        return fetched

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        trust, assignment = self.app.trust, self.assignment()
        try:
            await self._ensure_consumer().commit(
                {
                    TopicPartition(*tp): (offset, trust.to_metadata(tp.topic))
                    for tp, offset in offsets.items()
                    if tp in assignment
                }
            )
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("commit.refused", error=str(error))  # rebalanced: delivered again
            return False
        except Exception as error:
            log.exception("commit.failed")
            await self.crash(error)
            return False
        return True


class SafeConsumer(driver.Consumer):
    """Commits only what is contiguous and acknowledged."""

    logger = _faust_log
    revoke_commit_max_s = 5.0
    """How long a broker that does not answer may hold up a rebalance."""
    seek_max_s = 30.0
    """
    How long to look for where to go on from, as while a partition has no leader. Less than Faust's
    own limit (`broker_request_timeout`), at which it would end, in silence, what delivers records.
    """

    def __init__(
        self, transport: Any, callback: ConsumerCallback, *args: Any, **kwargs: Any
    ) -> None:
        self.ledgers: dict[TP, Ledger] = {}
        self.regression: str | None = None
        self._newest: dict[TP, int] = {}  # the last offset delivered since partitions moved
        self._is_moving = False  # partitions were taken away, and the next seek has not begun

        async def deliver(message: ConsumerMessage) -> Any:
            if message.generation_id != self.app.consumer_generation_id:
                return None  # from before a rebalance: it comes again, after those before it
            self._look_for_regression(message.tp, message.offset)
            # Before anything can buffer, drop or acknowledge it.
            if self.app.topics.acks_enabled_for(message.topic):
                self.ledgers.setdefault(message.tp, Ledger()).deliver(message.offset)
            return await callback(message)

        self._deliver_code = deliver.__code__
        super().__init__(transport, deliver, *args, **kwargs)
        # The timer commits. A commit between two records could outlast a rebalance, and the second
        # would then be delivered as if it came after it.
        self._commit_every = None
        self._read_offset, self._committed_offset = _NoOffsets(), _NoOffsets()

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, *args: Any, **options: Any) -> Mapping[TP, Any]:
        """Return what was fetched, unless the consumer was sent elsewhere since: it comes again."""
        fetched = await super()._getmany(*args, **options)
        thread = cast(_ConsumerThread, self._thread)
        is_old = isinstance(fetched, _Fetched) and fetched.seeks != thread.seeks
        return {} if is_old else fetched

    def _look_for_regression(self, tp: TP, offset: int) -> None:
        newest = self._newest.get(tp)
        if newest is not None and offset <= newest and self.regression is None:
            # Offsets only go back when the log was replaced. The watchdog ends the worker.
            self.regression = f"{tp.topic} partition {tp.partition}: {offset} after {newest}"
        self._newest[tp] = offset

    async def wait_first(self, *coros: Any, **options: Any) -> Any:
        """
        Wait as Faust does, unless it is for a record to be delivered, beside the end of the flow.

        Ours waits for no room in a queue, so it is over at once: the four tasks that Faust makes
        of each record are a third of what a record costs.
        """
        if getattr(coros[0], "cr_code", None) is not self._deliver_code:
            return await super().wait_first(*coros, **options)
        for coro in coros[1:]:
            coro.close()
        return WaitResults([coros[0]], [await coros[0]], stopped=self.should_stop)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust's livelock detectors only log, and raise false alarms when idle."""

    def ack(self, message: Any) -> bool:
        """
        Acknowledge, unless the record was delivered before the last rebalance.

        The ledger knows at once, and not only when something is committed: a commit may hang for as
        long as Kafka is away, and the watchdog would take that for a stage that does not go on.
        """
        if message.generation_id != self.app.consumer_generation_id:
            message.acked = True
            self._unacked_messages.discard(message)
            return False
        is_new = super().ack(message)
        if is_new and (ledger := self.ledgers.get(message.tp)) is not None:
            ledger.acknowledge(message.offset)
        return is_new

    async def maybe_wait_for_commit_to_finish(self) -> bool:
        """
        Wait for a commit under way, then commit all the same: it does not hold what came since.

        Faust would leave it at that one; and whoever gives up waiting for it would cancel it.
        """
        while self._commit_fut is not None:
            await asyncio.wait({self._commit_fut})
        return False

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: the ledger needs no gaps."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (
            tp for tp in list(self.ledgers) if topics is None or tp in topics or tp.topic in topics
        )

    def _new_offset(self, tp: TP) -> int | None:
        ledger, acked = self.ledgers.get(tp), self._acked[tp]
        if ledger is not None:
            for offset in acked:  # once more: what Faust acknowledges without asking lies here only
                ledger.acknowledge(offset)
        acked.clear()
        self._acked_index[tp].clear()
        if ledger is None or self.regression is not None:  # of which log would it speak
            return None
        return ledger.to_commit()

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
        self._is_moving = True
        try:
            async with asyncio.timeout(self.revoke_commit_max_s):
                await self.commit()
        except TimeoutError:
            log.warning("commit.timed_out", within_s=self.revoke_commit_max_s)
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self.ledgers.pop(tp, None)

    def resume_flow(self) -> None:
        """Let records be delivered, unless partitions move again: the next seek comes first."""
        if not self._is_moving:
            super().resume_flow()

    async def perform_seek(self) -> None:
        """
        Go back to the committed offsets: everything not acknowledged is delivered again.

        Raises:
            RebalanceAgain: partitions have moved meanwhile; what delivers records waits for them.
            SeekTimedOut: the worker must end.
        """
        again = sum(ledger.held for ledger in self.ledgers.values())
        log.info("partitions.assigned", partitions=len(self.assignment()), delivered_again=again)
        self.ledgers.clear()
        self._newest.clear()
        self._acked.clear()
        self._acked_index.clear()
        self._is_moving = False
        try:
            async with asyncio.timeout(self.seek_max_s):
                await super().perform_seek()
        except TimeoutError:
            raise SeekTimedOut(
                f"the brokers did not say within {self.seek_max_s:g} s where to go on from"
            ) from None
        if self._is_moving:
            raise RebalanceAgain


class _OpenQueue(ThrowableQueue[Any]):
    """
    A topic's queue that is never full.

    One consumer feeds all topics: where Faust waits for room in the queue of one, none of the
    others gets a record, and a stage that waits for its server would stop those before it. A
    partition leaves the fetch at its first record beyond the high mark all the same, so that at
    most what one poll returns for each comes on top.
    """

    def full(self) -> bool:
        """Return False: what was fetched is in memory anyway."""
        return False


class SafeTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = SafeConsumer


class PipelineApp(faust.App):
    """
    A Faust app with offsets that can be trusted.

    *read_indexed* returns how far the index has come in each partition of *indexed_topic*.
    """

    logger = _faust_log

    trust = OffsetTrust()
    indexed_topic = ""

    async def read_indexed(self) -> Mapping[int, int]:
        """Return how far the index has come, by partition; nothing unless someone knows."""
        return {}

    def FlowControlQueue(  # noqa: N802  # Faust's name
        self, maxsize: int | None = None, *, clear_on_resume: bool = False
    ) -> ThrowableQueue[Any]:
        """Return a queue that lets other topics pass."""
        return _OpenQueue(
            maxsize=maxsize, flow_control=self.flow_control, clear_on_resume=clear_on_resume
        )

    def _new_transport(self) -> SafeTransport:
        return SafeTransport(self.conf.broker_consumer, self)

    def _on_rebalance_when_stopped(self) -> None:
        """
        Do nothing: Faust would close the consumer, by a loop that is not its own.

        What is drained then could not be committed, and the group not be left.
        """

    def _create_directories(self) -> None:
        """Do nothing: without tables nothing is stored, and the root may be read-only."""
