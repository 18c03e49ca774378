"""The index stage on a sink in memory, in its own time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from runtime.errors import SinkUnavailable
from sinks.attribute_types import AttributeType
from sinks.backoff import Backoff
from sinks.batches import BatchFormer
from sinks.healing import Healer
from sinks.held import Held
from sinks.indexer import Indexer
from sinks.memory import MemorySink
from sinks.writes import Answer, Verdict, Write
from tests.sinks.examples import Acknowledged, FakeTime, snapshot
from topics.dead_letters import DeadLetters
from topics.memory import MemoryPublisher
from topics.names import TopicNames

ALIASES = ("quindex-fr_fr", "quindex-en_gb")
UNAVAILABLE = SinkUnavailable("elasticsearch: 503")
POISON = Answer(Verdict.DEAD, "document_parsing_exception", "400: no")
BUSY = Answer(Verdict.AGAIN, "es_rejected_execution_exception", "429: busy")
OK = Answer(Verdict.OK)


class NoEnds:
    """Of a topic that ends where the stage has come."""

    async def read(self) -> Mapping[int, int]:
        return {}


class Stage:
    """An indexer on a sink in memory, in its own time."""

    def __init__(
        self,
        *,
        documents_max: int = 10,
        held_documents_max: int = 20,
        sink: MemorySink | None = None,
        types: Mapping[str, AttributeType] | None = None,
        heals: bool = False,
    ) -> None:
        self.time = FakeTime()
        self.sink = sink or MemorySink(ALIASES)
        self.publisher = MemoryPublisher()
        self.acknowledged = Acknowledged()
        self.paused: str | None = None
        self.indexer = Indexer(
            sink=self.sink,
            dead_letters=DeadLetters(
                self.publisher, "quindex.dead-letters", "index", self.time.clock
            ),
            index_prefix="quindex",
            chains={"fr_FR": ("fr_FR",), "en_GB": ("en_GB", "fr_FR")},
            types=types or {},
            former=BatchFormer[Held](
                clock=self.time.clock,
                documents_max=documents_max,
                held_documents_max=held_documents_max,
            ),
            clock=self.time.clock,
            wall=self.time.clock,
            pause=self.time.pause,
            backoff=Backoff(random=lambda: 1.0),
            healer=self._to_healer() if heals else None,
            paused=lambda: self.paused,
        )

    def _to_healer(self) -> Healer:
        return Healer(
            ends=NoEnds(),
            stored_version=self._stored_version,
            publisher=self.publisher,
            topics=TopicNames("quindex"),
            wall=self.time.clock,
        )

    async def _stored_version(self, id_: str) -> int | None:
        stored = self.sink.documents.get((ALIASES[0], id_))
        return None if stored is None else stored.version

    async def take(self, code: str, version: int = 1, *, offset: int = 0) -> None:
        value = snapshot(code, version).to_json()
        await self.indexer.take(self.acknowledged.record(value, offset, key=code.encode()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.indexer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settled(self) -> None:
        """Return once nothing is held, or the indexer has had every chance."""
        for _ in range(1_000):
            if not self.indexer.held:
                break
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)


def with_stage(test: Callable[[Stage], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a stage of its own."""

    def run() -> None:
        async def main() -> None:
            await test(Stage())

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


class SlowSink(MemorySink):
    """Answers once its gate is open; tells how many documents are being written at once."""

    def __init__(self) -> None:
        super().__init__(ALIASES)
        self.gate = asyncio.Event()
        self.open_keys: list[tuple[str, str]] = []
        self.at_once_max = 0

    async def write(self, writes: Sequence[Write]) -> list[Answer]:
        keys = [write.key for write in writes]
        assert not set(keys) & set(self.open_keys)
        self.open_keys += keys
        self.at_once_max = max(self.at_once_max, len(self.open_keys))
        await asyncio.sleep(0)
        await self.gate.wait()
        for key in keys:
            self.open_keys.remove(key)
        return await super().write(writes)
