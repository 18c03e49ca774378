"""One worker's consumer: Faust's and ours, fed from the log in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

from faust.types import TP, ConsumerMessage

from runtime.errors import TransientError
from streams.app import to_received
from streams.offset_trust import OffsetTrust
from streams.safe_consumer import PipelineApp, SafeConsumer
from tests.simulated.group import Group
from tests.simulated.log import Log, Stored
from tests.simulated.network import Line
from topics.records import Received

_RECORDS_MAX: Final = 50
_BUFFERED_MAX: Final = 64
_COMMIT_EVERY_S: Final = 1.0
_IDS: Final = "of this topic"


class SimulatedConsumer(SafeConsumer):
    """What `SafeConsumer` asks its thread, answered by the group and the log in memory."""

    member: "Member"

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ARG002, ASYNC109  # Faust's signature
        """Yield what lies at our positions, or wait until something does."""
        async for tp, message in self.member.poll():
            yield tp, message

    def assignment(self) -> set[TP]:
        """Return what is ours."""
        return self.member.assigned

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return await self.member.commit(offsets)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Return where the group resumes."""
        return self.member.seek_to_committed()

    async def _seek(self, partition: TP, offset: int) -> None:
        self.member.positions[partition] = offset


@dataclass
class Member:
    """A member of the group; *take* is given every record, *revoked* is told, *assigned* too."""

    log: Log
    group: Group
    line: Line
    take: Callable[[Received], Awaitable[None]]
    dropped: Callable[[], None]
    claimed: Callable[[set[TP]], None]
    failed: Callable[[BaseException], None]
    app: PipelineApp = field(init=False)
    consumer: SimulatedConsumer = field(init=False)
    generation: int = -1
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    assigned: set[TP] = field(default_factory=set)
    positions: dict[TP, int] = field(default_factory=dict)
    refusals: int = 0
    delivered: dict[TP, list[int]] = field(default_factory=dict)  # since the last assignment
    acknowledged: dict[TP, set[int]] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)  # acknowledged, and not committed at the end
    _queues: dict[str, asyncio.Queue[ConsumerMessage]] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _feeding: asyncio.Task[None] | None = None
    _acked: asyncio.Event = field(default_factory=asyncio.Event)
    _is_comparing: bool = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make the consumer; its thread never runs."""
        self.app = PipelineApp("quindex", broker="kafka://127.0.0.1:1", stream_wait_empty=False)
        self.app.topics.acking_topics.update(self.group.partitions)
        self.app.trust = OffsetTrust(dict.fromkeys(self.group.partitions, _IDS))
        queue: Any = self._queue
        self.consumer = SimulatedConsumer(self.app.transport, queue, self._revoked, self._assigned)
        self.consumer.member = self
        self._queues = {
            topic: asyncio.Queue(maxsize=_BUFFERED_MAX) for topic in self.group.partitions
        }
        self._tasks = [asyncio.create_task(self._serve(queue)) for queue in self._queues.values()]
        self._tasks.append(asyncio.create_task(self._commit_forever()))
        for task in self._tasks:
            task.add_done_callback(self._ended)
        try:
            yield
        finally:
            self.gone.set()
            if self._feeding is not None:
                self._tasks.append(self._feeding)
            for task in self._tasks:
                task.cancel()
            self.consumer._thread.thread_loop.close()  # noqa: SLF001  # Faust makes it, and it never ran

    async def revoke(self) -> None:
        """Commit, forget: a rebalance begins."""
        await self.line.open.wait()
        self.app.rebalancing = True
        await self._stop_feeding()
        async with self._comparing():
            await self.consumer.on_partitions_revoked(set(self.assigned))
        self.delivered, self.acknowledged = {}, {}  # what is done now is done again

    async def assign(self, partitions: set[TP], generation: int) -> None:
        """Begin where the group has come to."""
        self.app.rebalancing = False
        self.generation = generation
        self.assigned = partitions
        self.delivered, self.acknowledged = {}, {}
        self.app.consumer_generation_id = generation
        await self.consumer.perform_seek()
        self.claimed(partitions)
        self._feeding = asyncio.create_task(self._feed())
        self._feeding.add_done_callback(self._ended)

    async def leave(self) -> None:
        """Commit what is done, as Faust does when it stops; then leave the group."""
        await self._stop_feeding()
        async with self._comparing():
            await self.consumer.on_stop()
        self.gone.set()
        self.group.leave(self)

    # --- what the consumer asks ---

    async def poll(self) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield records in the order of each partition."""
        await self.log.wait(self.positions)
        await self.line.receive()
        for tp in sorted(self.positions):
            for record in self.log.topics[tp.topic][tp.partition].read(
                self.positions[tp], records_max=_RECORDS_MAX
            ):
                self.positions[tp] = record.offset + 1
                yield tp, self._to_message(tp, record)

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Ask the group."""
        await self.line.send()
        trust = self.app.trust
        stored = await self.group.commit(
            self, {tp: (offset, trust.to_metadata(tp.topic)) for tp, offset in offsets.items()}
        )
        self.refusals += not stored
        await self.line.receive()
        return stored

    def seek_to_committed(self) -> Mapping[TP, int]:
        """Return where each partition is resumed."""
        self.positions = {}
        for tp in sorted(self.assigned):
            offset, metadata = self.group.committed.get(tp, (None, ""))
            start = self.app.trust.to_start(
                tp.topic, committed=offset, metadata=metadata, indexed=None
            )
            self.positions[tp] = start or 0
        return dict(self.positions)

    # --- records ---

    async def _feed(self) -> None:
        fetcher: Any = SimpleNamespace(_stopped=asyncio.Event())
        await self.consumer._drain_messages(fetcher)  # noqa: SLF001  # Faust's own loop

    async def _queue(self, message: ConsumerMessage) -> None:
        self.delivered.setdefault(message.tp, []).append(message.offset)
        await self._queues[message.topic].put(message)

    async def _serve(self, queue: "asyncio.Queue[ConsumerMessage]") -> None:
        while True:
            message = await queue.get()
            event: Any = SimpleNamespace(message=message, ack=partial(self._acknowledge, message))
            if not self.app.rebalancing:  # else it is delivered again
                await self.take(to_received(event))

    def _acknowledge(self, message: ConsumerMessage) -> None:
        if message.generation_id == self.app.consumer_generation_id:
            self.acknowledged.setdefault(message.tp, set()).add(message.offset)
        self.consumer.ack(message)
        self._acked.set()

    async def _commit_forever(self) -> None:
        while True:
            await self._acked.wait()
            await asyncio.sleep(_COMMIT_EVERY_S)
            self._acked.clear()
            refusals = self.refusals
            await self.consumer.commit()
            if self.refusals != refusals:  # the timer tries again
                self._acked.set()

    async def _stop_feeding(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError, TransientError):
                await self._feeding
            self._feeding = None

    async def _revoked(self, _: set[TP]) -> None:
        for queue in self._queues.values():
            while not queue.empty():
                queue.get_nowait()
        self.dropped()

    async def _assigned(self, _: set[TP], __: int) -> None:
        """Nothing: *claimed* is told."""

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed(error)

    # --- what a rebalance must not lose ---

    @asynccontextmanager
    async def _comparing(self) -> AsyncIterator[None]:
        """Note what is acknowledged and not committed by the end, though the group would have it."""
        kept, refusals, began_s = self._to_resume(), self.refusals, self.log.clock()
        is_first, self._is_comparing = not self._is_comparing, True
        try:
            yield
        finally:
            self._is_comparing = not is_first
        # What is acknowledged while partitions move comes again, whoever leaves meanwhile.
        if (
            not is_first
            or self.line.is_dead
            or self.refusals != refusals
            or not self.group.accepts(self)
        ):
            return
        if self.log.clock() - began_s < self.consumer.revoke_commit_max_s:
            self.forgotten += [
                f"{tp.topic}/{tp.partition} from {stored} on, not {offset}"
                for tp, offset in kept.items()
                if (stored := self.group.committed.get(tp, (0, ""))[0]) < offset
            ]

    def _to_resume(self) -> dict[TP, int]:
        """Return where each partition may be resumed, by our own account, if anything is done."""
        found = {}
        for tp, offsets in self.delivered.items():
            done = self.acknowledged.get(tp, set())
            open_ = [offset for offset in offsets if offset not in done]
            resume = min(open_, default=offsets[-1] + 1)
            if any(offset < resume for offset in done):
                found[tp] = resume
        return found

    def _to_message(self, tp: TP, record: Stored) -> ConsumerMessage:
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=record.offset,
            timestamp=record.appended_s,
            timestamp_type=1,
            headers=list(record.headers.items()),
            key=record.key,
            value=record.value,
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )
