"""Which dead letters are read, and what is said where time does not suffice for all."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord, OffsetAndTimestamp

from ops.dead_letters import to_lacking, to_partial_line
from ops.explaining import to_keep
from ops.letter_reading import CLOCKS_S, Reading, read_records
from ops.letters import LetterLog
from ops.ranges import RangeReader
from pim.kinds import Kind
from runtime.errors import Refused, Unreachable
from tests.clock import FakeClock
from tests.ops.letters import letter

TOPIC = "quindex.dead-letters"
KEYS = (b"a", b"document:a", b"asset:a", None)


@dataclass
class Log:
    """A consumer of partitions of *count* records, one appended a second; each poll takes 1 s."""

    count: int = 1_000
    batch_max: int = 10
    _next: dict[TopicPartition, int] = field(default_factory=dict)
    given: int = 0
    clock: FakeClock = field(default_factory=FakeClock)

    async def topics(self) -> set[str]:
        return {TOPIC}

    async def beginning_offsets(self, where: Sequence[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(where, 0)

    async def end_offsets(self, where: Sequence[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(where, self.count)

    async def offsets_for_times(self, times: dict[Any, int]) -> dict[Any, Any]:
        return {each: OffsetAndTimestamp(at // 1_000, at) for each, at in times.items()}

    def assign(self, where: Sequence[TopicPartition]) -> None:
        self._next = dict.fromkeys(where, 0)

    def seek(self, where: TopicPartition, offset: int) -> None:
        self._next[where] = offset

    async def position(self, where: TopicPartition) -> int:
        return self._next[where]

    async def getmany(self, *places: TopicPartition, timeout_ms: int) -> dict[Any, Any]:
        assert timeout_ms < 1_000
        self.clock.advance(1)
        return {place: self._take(place) for place in places}

    def _take(self, where: TopicPartition) -> list[Any]:
        start = self._next[where]
        self._next[where] = end = min(self.count, start + self.batch_max)
        self.given += end - start
        return [
            ConsumerRecord(
                *(where.topic, where.partition, offset, offset * 1_000, 0),
                *(KEYS[offset % len(KEYS)], b"{}", None, 0, 0, ()),
            )
            for offset in range(start, end)
        ]


def read(log: Log, *, within_s: float = 1_000.0, **wanted: Any) -> Reading:
    reader = RangeReader(log, log.clock)
    return asyncio.run(read_records(reader, TOPIC, within_s=within_s, **wanted))


def to_ids(reading: Reading) -> set[str]:
    return {f"{each.partition}/{each.offset}" for each in reading.seen}


def to_log(reading: Reading) -> LetterLog:
    return LetterLog(
        [
            letter(partition=each.partition, offset=each.offset, at_s=each.appended_s)
            for each in reading.seen
        ],
        sum(end - first for first, end in reading.bounds.values()),
        {number: first for number, (first, _) in reading.bounds.items()},
        is_partial=reading.is_partial,
        ends={number: end for number, (_, end) in reading.bounds.items()},
    )


def test_of_letters_that_are_named_no_other_is_looked_for() -> None:
    log = Log()
    named = ["2/900", "2/7", "0/5", "0/5", "1/1000", "3/1", "x", "²/1", "1"]
    reading = read(log, ids=named, within_s=10)

    assert to_ids(reading) == {"2/900", "2/7", "0/5"}
    assert not reading.is_partial
    assert log.given <= 3 * log.batch_max


def test_a_letter_that_was_not_reached_is_not_said_to_be_missing() -> None:
    log = to_log(read(Log(), ids=[f"0/{n}" for n in range(100)], within_s=5))

    assert isinstance(to_lacking(log, ["0/99"]), Unreachable)
    assert isinstance(to_lacking(log, ["0/1000"]), Refused)
    assert isinstance(to_lacking(log, ["0/0"]), Refused)  # read, and not what a filter wants
    assert isinstance(to_lacking(log, ["?"]), Refused)


def test_a_reading_that_is_cut_says_where_to_go_on() -> None:
    cut = read(Log(), within_s=5)
    log = to_log(cut)
    rest = read(Log(), since_s=log.reached_s)

    assert cut.is_partial
    assert to_partial_line(log).startswith(f"only {len(cut.seen)} of 3000 dead letters")
    assert "run it again with --since 1970-01-01T00:00:59 for the rest" in to_partial_line(log)
    assert not rest.is_partial
    assert len(to_ids(cut) | to_ids(rest)) == 3_000


def test_older_letters_than_those_that_are_meant_are_not_read() -> None:
    log = Log()
    reading = read(log, since_s=900.0)

    assert len(reading.seen) == log.given == 3 * (100 + CLOCKS_S)
    assert not reading.is_partial


def test_where_a_partition_was_not_reached_nothing_says_since_when() -> None:
    log = LetterLog([letter()], 2, {0: 0, 1: 0}, is_partial=True, ends={0: 1, 1: 1})

    assert log.reached_s is None
    assert "run it again for the rest" in to_partial_line(log)


def test_only_the_newest_are_a_part() -> None:
    reading = read(Log(count=20), newest_max=5)

    assert len(reading.seen) == 15
    assert reading.is_partial
    assert not read(Log(count=20), newest_max=20).is_partial


def test_who_explains_a_resource_keeps_its_letters_alone() -> None:
    reading = read(Log(count=8), keep=to_keep(Kind.DOCUMENT, "a"))

    assert {each.key for each in reading.seen} == {b"a", b"document:a"}
    assert len(reading.seen) == 12
    assert not reading.is_partial
