"""What the owner of `due` has around it where a classification changes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson

from pim.answers import Resource
from pim.kinds import Kind
from runtime.errors import (
    PimFilterIgnored,
    QuindexError,
    SinkUnavailable,
)
from sinks.classified import Classified
from sinks.reference import Reference
from streams.classifications import (
    Classifications,
    to_record,
)
from tests.clock import FakeClock
from tests.streams.examples import to_due_record
from tests.streams.pim import Ends
from topics.due import Lane
from topics.memory import Appended, MemoryPublisher
from topics.names import TopicNames

TOPICS = TopicNames("quindex")
OLD: Mapping[str, Any] = {"id": "c", "name": {"fr_FR": "Jupes"}, "parent": {"id": "all"}}
NEW: Mapping[str, Any] = {**OLD, "name": {"fr_FR": "Jupes et robes"}}
MOVED: Mapping[str, Any] = {**OLD, "parent": {"id": "other"}}
CHAINS = {"fr_FR": ("fr_FR",), "fr_BE": ("fr_BE", "fr_FR")}


class Pim:
    """Has classifications, or fails; what is not live waits for its *turn*."""

    pack_max = 2

    def __init__(self) -> None:
        self.turn, self.ignores_filter = asyncio.Event(), False
        self.resources: dict[str, Resource] = {}
        self.failure: QuindexError | None = None
        self.asked: list[list[str]] = []

    async def ask(self, kind: Kind, lane: Lane, codes: Sequence[str]) -> Mapping[str, Resource]:
        assert kind is Kind.CLASSIFICATION
        self.asked.append(list(codes))
        await asyncio.sleep(0)
        if lane is not Lane.LIVE:
            await self.turn.wait()
        if self.ignores_filter and len(codes) > 1:
            self.pack_max = 1
            raise PimFilterIgnored("of another classification")
        if self.failure is not None:
            raise self.failure
        return {code: self.resources[code] for code in codes if code in self.resources}


class World:
    """What the owner of `due` has around it."""

    def __init__(self) -> None:
        self.pim, self.publisher, self.reference = Pim(), MemoryPublisher(), Reference()
        self.clock = FakeClock()
        self.index: list[Classified] = []
        self.refreshed: list[bool] = []
        self.index_failure: SinkUnavailable | None = None
        self.ends, self.indexed = Ends({0: 10, 1: 0}), {0: 4}
        self.classifications = self.restarted()

    def restarted(self, *, follows: bool = False) -> Classifications:
        return Classifications(
            reference=self.reference,
            asker=self.pim,
            publisher=self.publisher,
            topics=TOPICS,
            find=self._find,
            chains=CHAINS,
            clock=self.clock,
            ends=self.ends,
            indexed=self._read_indexed if follows else None,
        )

    def follow(self) -> None:
        """Let it be known how far the index stage has come."""
        self.classifications = self.restarted(follows=True)

    async def _read_indexed(self) -> Mapping[int, int]:
        if self.index_failure is not None:
            raise self.index_failure
        return self.indexed

    async def _find(self, code: str, refresh: bool) -> AsyncIterator[Classified]:
        assert code == "c"
        self.refreshed.append(refresh)
        if self.index_failure is not None:
            raise self.index_failure
        for each in self.index:
            yield each

    def knows(self, resource: Resource) -> None:
        record = to_record("c", resource)
        self.reference.apply(record.key, record.to_json())

    def holds(self, *names: str | None, kind: Kind = Kind.DOCUMENT) -> None:
        self.index += [
            Classified(kind, f"d{number}", "fr_FR", name) for number, name in enumerate(names)
        ]

    def note(self, resource: Resource | None) -> float | None:
        record = to_due_record("c", kind="classification")
        return asyncio.run(self.classifications.settle(record, resource))

    def show(self, *codes: str) -> float | None:
        resource = {"classifications": [{"id": code} for code in codes]}
        return asyncio.run(self.classifications.settle(to_due_record("d"), resource))

    def cascades(self) -> list[str]:
        return [_to_code(each) for each in self.notified(b"cascade")]

    def second_looks(self) -> list[Appended]:
        return self.notified(b"trigger")

    def notified(self, source: bytes) -> list[Appended]:
        return [
            each
            for each in self.publisher.of(TOPICS.notifications)
            if each.headers["source"] == source
        ]


def _to_code(appended: Appended) -> str:
    body = orjson.loads(appended.value or b"")
    assert body["resource"]["code"].encode() == appended.key
    return f"{body['resource']['type']}:{body['resource']['code']}"
