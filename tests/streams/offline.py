"""Faust's consumers without a broker: deliver, acknowledge, commit, rebalance."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from faust import App
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.safe_consumer import PipelineApp, SafeConsumer

TOPIC: Final = "quindex.due"
PARTITION: Final = TP(TOPIC, 0)
GENERATION: Final = 7


@dataclass
class Group:
    """What the group's coordinator holds, and in which mood it is."""

    committed: dict[TP, int] = field(default_factory=dict)
    assigned: set[TP] = field(default_factory=lambda: {PARTITION})
    refuses: bool = False
    hangs: bool = False
    answers: asyncio.Event | None = None  # None: at once
    tries: list[dict[TP, int]] = field(default_factory=list)

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Store, or refuse, or never answer."""
        self.tries.append(dict(offsets))
        if self.hangs:
            await asyncio.Event().wait()
        if self.answers is not None:
            await self.answers.wait()
        if not self.refuses:
            self.committed.update(offsets)
        return not self.refuses


class _Offline:
    """What a consumer asks its thread, answered by *group*; mixed in before Faust's class."""

    group: Group
    incoming: list[ConsumerMessage]
    stopped: asyncio.Event

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ARG002, ASYNC109  # Faust's signature
        for message in self.incoming:
            yield message.tp, message
        self.stopped.set()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return await self.group.commit(offsets)

    def assignment(self) -> set[TP]:
        return self.group.assigned

    async def seek_to_committed(self) -> Mapping[TP, int | None]:
        return {tp: self.group.committed.get(tp) for tp in self.group.assigned}


class OfflineVanilla(_Offline, driver.Consumer):  # type: ignore[misc]  # answers narrower than Faust's
    """Faust's own consumer."""


class OfflineSafe(_Offline, SafeConsumer):  # type: ignore[misc]  # answers narrower than Faust's
    """Ours."""


@dataclass
class Member:
    """A member of the group, and what its stages took."""

    app: App
    consumer: Any
    group: Group
    taken: list[ConsumerMessage] = field(default_factory=list)
    rebalances: list[str] = field(default_factory=list)
    stage: Callable[[ConsumerMessage], Awaitable[None]] = field(init=False)

    def __post_init__(self) -> None:
        self.stage = self._take

    async def _take(self, message: ConsumerMessage) -> None:
        self.taken.append(message)

    def message(
        self, offset: int, *, generation: int | None = None, tp: TP = PARTITION
    ) -> ConsumerMessage:
        """Return a record as the fetcher makes it, of the current generation."""
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=offset,
            timestamp=0.0,
            timestamp_type=1,
            headers=None,
            key=b"k",
            value=b"v",
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id if generation is None else generation,
        )

    async def deliver(self, *offsets: int) -> None:
        """Let Faust's own loop hand out records, so that it sees the gaps too."""
        await self.deliver_messages(*(self.message(offset) for offset in offsets))

    async def deliver_messages(self, *messages: ConsumerMessage) -> None:
        """Let Faust's own loop hand out *messages*."""
        self.consumer.incoming, self.consumer.stopped = list(messages), asyncio.Event()
        await self.consumer._drain_messages(SimpleNamespace(_stopped=self.consumer.stopped))  # noqa: SLF001  # the loop itself

    def acknowledge(self, *offsets: int) -> list[bool]:
        """Acknowledge the latest delivery of each offset."""
        latest = {message.offset: message for message in self.taken}
        return [bool(self.consumer.ack(latest[offset])) for offset in offsets]

    async def commit(self) -> int | None:
        """Commit as the timer does; return what the group holds now."""
        await self.consumer.commit()
        return self.group.committed.get(PARTITION)

    async def assign(self) -> None:
        """Go back to the committed offsets, as Faust does after each rebalance."""
        self.app.consumer_generation_id += 1
        await self.consumer.perform_seek()


def _open(app: App, kind: type[Any], group: Group) -> Member:
    member = Member(app, None, group)
    app.consumer_generation_id = GENERATION
    app.topics.acking_topics.add(TOPIC)

    async def take(message: ConsumerMessage) -> None:
        await member.stage(message)

    async def revoked(_: set[TP]) -> None:
        member.rebalances.append("revoked")

    async def assigned(_: set[TP], __: int) -> None:
        member.rebalances.append("assigned")

    member.consumer = kind(app.transport, take, revoked, assigned)
    member.consumer.group = group
    return member


@contextmanager
def open_member(*, safe: bool = True, committed: int | None = None) -> Iterator[Member]:
    """Join as the owner of one partition, of which *committed* is stored; needs a running loop."""
    group = Group({} if committed is None else {PARTITION: committed})
    kind: type[Any] = OfflineSafe if safe else OfflineVanilla
    app_class = PipelineApp if safe else App
    app = app_class("quindex", broker="kafka://127.0.0.1:1", stream_wait_empty=False)
    member = _open(app, kind, group)
    try:
        yield member
    finally:
        member.consumer._thread.thread_loop.close()  # noqa: SLF001  # Faust makes it, and it never ran
