"""The brake on unannounced deletes."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import SinkUnavailable
from streams.delete_brake import LIMIT_MIN, SPAN_S, DeleteBrake
from streams.log_reader import Read
from tests.clock import FakeClock
from tests.streams.publishers import WaitingPublisher, settle
from topics.control import fold_deletes
from topics.memory import MemoryPublisher


@dataclass
class Control:
    """The topic `control`, and what the index counts; *live* None means that it does not answer."""

    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    clock: FakeClock = field(default_factory=FakeClock)
    live: int | None = 0

    async def read(self) -> list[Read]:
        """Return all records."""
        return [
            Read(offset, 0.0, record.key, record.value)
            for offset, record in enumerate(self.publisher.of("control"))
        ]

    async def count(self) -> int:
        """Return how many resources are live."""
        if self.live is None:
            raise SinkUnavailable("gone")
        return self.live

    def brake(self, limit: int | None = 2) -> DeleteBrake:
        """Return the brake of a new owner."""
        return DeleteBrake(
            publisher=self.publisher,
            topic="control",
            read_control=self.read,
            count_live=self.count,
            limit_given=limit,
            clock=self.clock,
        )

    async def parked(self) -> set[str]:
        """Return what waits for a person."""
        return set(fold_deletes((each.key, each.value) for each in await self.read())[1])


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario."""
    asyncio.run(scenario)


def test_deletes_judged_side_by_side_do_not_pass_the_limit() -> None:
    async def scenario() -> None:
        publisher = WaitingPublisher()
        control = Control(publisher)
        brake = control.brake()
        judging = [asyncio.create_task(brake.admit(f"document:{n}")) for n in range(10)]
        await settle()
        publisher.open.set()

        assert (await asyncio.gather(*judging)).count(True) == 2
        assert len(await control.parked()) == 8

    run(scenario())


def test_a_successor_goes_on_counting() -> None:
    async def scenario() -> None:
        control = Control()
        assert await control.brake().admit("document:a")
        successor = control.brake()

        assert await successor.admit("document:b")
        assert not await successor.admit("document:c")

    run(scenario())


def test_a_resource_that_went_through_does_so_again_at_no_cost() -> None:
    async def scenario() -> None:
        brake = Control().brake(1)

        assert await brake.admit("document:a")
        assert await brake.admit("document:a")
        assert not await brake.admit("document:b")

    run(scenario())


def test_what_went_through_long_ago_is_forgotten_unless_something_is_parked() -> None:
    async def scenario() -> None:
        control = Control()
        brake = control.brake(1)
        assert await brake.admit("document:a")
        control.clock.advance(SPAN_S + 1)
        assert await brake.admit("document:b")
        held = fold_deletes((each.key, each.value) for each in await control.read())[0]
        assert set(held) == {"document:b"}

        assert not await brake.admit("document:c")
        control.clock.advance(SPAN_S + 1)
        assert await brake.admit("document:d")
        held = fold_deletes((each.key, each.value) for each in await control.read())[0]
        assert set(held) == {"document:b", "document:d"}

    run(scenario())


def test_after_an_hour_there_is_room_again() -> None:
    async def scenario() -> None:
        control = Control()
        brake = control.brake(1)
        assert await brake.admit("document:a")
        control.clock.advance(SPAN_S - 1)
        assert not await brake.admit("document:b")
        control.clock.advance(1)

        assert await brake.admit("document:c")

    run(scenario())


def test_the_limit_follows_the_size_of_the_index_and_stays_while_it_does_not_answer() -> None:
    async def scenario() -> None:
        control = Control(live=20_000)
        brake = control.brake(None)
        assert brake.limit == LIMIT_MIN
        await brake.admit("document:a")
        assert brake.limit == 200
        control.live = None
        await brake.admit("document:b")
        assert brake.limit == 200
        control.live = 10
        await brake.admit("document:c")

        assert brake.limit == LIMIT_MIN

    run(scenario())


def test_a_parked_delete_is_of_no_account_once_the_resource_lives() -> None:
    async def scenario() -> None:
        control = Control()
        brake = control.brake(0)
        await brake.admit("document:a")
        await brake.release("document:b")
        assert await control.parked() == {"document:a"}
        await brake.release("document:a")

        assert await control.parked() == set()

    run(scenario())


def test_a_new_owner_reads_before_it_decides() -> None:
    async def scenario() -> None:
        control = Control()
        brake = control.brake(1)
        assert await brake.admit("document:a")
        brake.forget()

        assert not await brake.admit("document:b")

    run(scenario())
