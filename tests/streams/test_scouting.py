"""While the fetch stage is full, live edits that lie further on are found and fetched."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka.errors import KafkaConnectionError

from streams.scouting import AHEAD_MAX, Scout
from tests.streams.examples import to_due_record
from tests.streams.pim import Bench, open_bench, run
from topics.due import Lane
from topics.records import Received

KEYS_MAX = 3
_POLL_S = 0.2


@dataclass
class Log:
    """The partition of `due`: its records in order, handed out in turn and ahead."""

    bench: Bench
    records: list[Received] = field(default_factory=list)
    failures: int = 0
    readers: int = 0
    begun: int = 0

    def append(self, code: str, lane: Lane = Lane.PROCESS) -> int:
        """Append a record."""
        record = to_due_record(code, lane=lane, offset=len(self.records))
        received = self.bench.inbox.receive(record.to_json(), key=record.key.encode())
        self.records.append(received)
        return received.offset

    async def read_ahead(self, start: int) -> AsyncGenerator[Sequence[Received], None]:
        """Yield what lies there from *start* on, then what comes."""
        if self.failures:
            self.failures -= 1
            raise KafkaConnectionError
        self.readers += 1
        self.begun += 1
        try:
            while True:
                yield self.records[start:]
                start = len(self.records)
                await asyncio.sleep(_POLL_S)
        finally:
            self.readers -= 1

    async def feed(self, scout: Scout) -> None:
        """Hand out every record in its turn."""
        number = 0
        while True:
            while number == len(self.records):  # noqa: ASYNC110  # no event tells of it
                await asyncio.sleep(_POLL_S)
            await scout.take(self.records[number])
            number += 1


@asynccontextmanager
async def scouting(*, failures: int = 0) -> AsyncIterator[tuple[Bench, Log, Scout]]:
    """Run a stage in which only live edits may use what is left of the quota."""
    async with open_bench(keys_max=KEYS_MAX, batch_max=1) as bench:
        log = Log(bench, failures=failures)
        scout = Scout(bench.stage, log.read_ahead)
        await bench.take(bench.codes(1)[0], lane=Lane.LIVE)  # takes the quota over
        await bench.until(lambda: bench.acknowledged, advance_s=0.05)
        log.records += [Received("t.due", 0, 0, b"", None, 0.0, lambda: None)]
        bench.quota.forget()
        bench.use_quota(0.85)
        tasks = [asyncio.create_task(scout.run()), asyncio.create_task(log.feed(scout))]
        try:
            yield bench, log, scout
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def fetched(bench: Bench) -> list[str]:
    return [snapshot.code for snapshot in bench.snapshots][1:]


def test_a_live_edit_behind_a_bulk_is_fetched_soon() -> None:
    async def scenario() -> None:
        async with scouting() as (bench, log, scout):
            *bulk, live, later = bench.codes(15)
            for code in bulk:
                log.append(code)
            ahead = [log.append(live, Lane.LIVE)]
            began_s = bench.clock()
            await bench.until(lambda: fetched(bench) == [live], advance_s=0.05)
            ahead.append(log.append(later, Lane.LIVE))
            await bench.until(lambda: fetched(bench) == [live, later], advance_s=0.05)

            assert bench.clock() - began_s < 2
            assert bench.acknowledged == [0]
            assert scout.ahead == 2
            bench.quota.forget()  # now the bulk may go on
            await bench.until(lambda: len(bench.acknowledged) == 16, advance_s=0.1)
            assert sorted(fetched(bench)) == sorted([*bulk, live, later])  # each once
            await bench.until(lambda: not log.readers, advance_s=0.1)
            assert scout.ahead == 0

    run(scenario())


def test_a_live_edit_of_what_waits_already_brings_it_forward() -> None:
    async def scenario() -> None:
        async with scouting() as (bench, log, _):
            bulk = bench.codes(12)
            for code in bulk:
                log.append(code)
            first = log.append(bulk[0], Lane.LIVE)
            await bench.until(lambda: fetched(bench) == [bulk[0]], advance_s=0.05)

            assert first not in bench.acknowledged

    run(scenario())


def test_nothing_is_read_ahead_while_there_is_room() -> None:
    async def scenario() -> None:
        async with scouting() as (bench, log, scout):
            for code in bench.codes(KEYS_MAX - 1):
                log.append(code)
            await asyncio.sleep(10)

            assert (log.readers, scout.ahead) == (0, 0)

    run(scenario())


def test_a_broker_that_is_away_is_asked_again() -> None:
    async def scenario() -> None:
        async with scouting(failures=3) as (bench, log, _):
            *bulk, live = bench.codes(12)
            for code in bulk:
                log.append(code)
            log.append(live, Lane.LIVE)
            await bench.until(lambda: fetched(bench) == [live], advance_s=0.05)

            assert log.failures == 0

    run(scenario())


def test_what_moves_to_another_owner_is_forgotten() -> None:
    async def scenario() -> None:
        async with scouting() as (bench, log, scout):
            *bulk, live = bench.codes(12)
            for code in bulk:
                log.append(code)
            log.append(live, Lane.LIVE)
            await bench.until(lambda: scout.ahead, advance_s=0.05)
            began = log.begun
            scout.drop()
            bench.stage.drop()
            assert scout.ahead == 0
            await bench.until(lambda: log.begun > began, advance_s=0.1)

            assert log.readers == 1  # where the stage is now; the one before has ended

    run(scenario())


def test_so_many_are_found_ahead_and_no_more() -> None:
    async def scenario() -> None:
        taken: list[int] = []

        class Full:
            is_full = True

            async def take(self, received: Received) -> None:
                raise AssertionError(received)

            async def take_now(self, received: Received) -> None:
                taken.append(received.offset)

        value = to_due_record("a", lane=Lane.LIVE).to_json()
        records = [
            Received("t.due", 0, offset, b"document:a", value, 0.0, lambda: None)
            for offset in range(AHEAD_MAX + 10)
        ]

        async def read(start: int) -> AsyncGenerator[Sequence[Received], None]:
            yield records[start:]
            yield []

        scout = Scout(Full(), read)
        running = asyncio.create_task(scout.run())
        await asyncio.sleep(3)
        running.cancel()

        assert len(taken) == scout.ahead == AHEAD_MAX

    run(scenario())
