"""A stage that stops before it empties its topic into the dead letters."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.errors import KafkaUnavailable
from tests.clock import FakeClock
from topics.control import StageStop, fold_stops
from topics.dead_letters import DeadLetters
from topics.letter_breaker import LetterBreaker
from topics.memory import MemoryPublisher
from topics.records import Received
from topics.stage_guard import LOOK_EVERY_S, StageGuard

CONTROL = "q.control"
LETTERS = "q.dead-letters"


@dataclass
class World:
    """A guard whose pauses are steps of a fake clock; *resume_after* of them a person resumes."""

    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    clock: FakeClock = field(default_factory=FakeClock)
    resume_after: int = 3
    pauses: int = 0
    is_blind: bool = False

    def guard(self) -> StageGuard:
        return StageGuard(
            "index",
            publisher=self.publisher,
            topic=CONTROL,
            read_stops=self.read_stops,
            clock=self.clock,
            breaker=LetterBreaker(died_min=3),
            pause=self.pause,
        )

    def letters(self, guard: StageGuard) -> DeadLetters:
        return DeadLetters(self.publisher, LETTERS, "index", self.clock, guard)

    async def read_stops(self) -> Mapping[str, StageStop]:
        if self.is_blind:
            raise KafkaUnavailable("gone")
        return fold_stops((each.key, each.value) for each in self.publisher.of(CONTROL))

    async def pause(self, seconds: float) -> None:
        self.pauses += 1
        self.clock.advance(seconds)
        if self.pauses == self.resume_after:
            await self.publisher.append(CONTROL, key=b"breaker/index", value=None)


async def set_aside(world: World, guard: StageGuard, count: int) -> None:
    letters = world.letters(guard)
    for number in range(count):
        guard.taken()
        record = Received("q.snapshots", 0, number, b"document:a", b"{}", 0.0, lambda: None)
        await letters.set_aside(record, reason="bad", error="it is bad")


def test_a_few_are_set_aside_at_once() -> None:
    world = World()
    asyncio.run(set_aside(world, world.guard(), 2))

    assert (world.pauses, len(world.publisher.of(LETTERS))) == (0, 2)


def test_when_too_many_die_the_stage_stops_until_a_person_lets_it_go_on() -> None:
    world = World()
    guard = world.guard()
    asyncio.run(set_aside(world, guard, 3))
    stop, resumed = world.publisher.of(CONTROL)

    assert world.pauses == 3
    assert fold_stops([(stop.key, stop.value)])["index"].died == 3
    assert resumed.value is None
    assert len(world.publisher.of(LETTERS)) == 3
    assert guard.to_wait() is None


def test_while_it_has_stopped_it_says_what_it_waits_for() -> None:
    world = World()
    guard = world.guard()
    said: list[str | None] = []

    async def pause(seconds: float) -> None:
        said.append(guard.to_wait())
        await world.pause(seconds)

    guard._pause = pause  # noqa: SLF001  # looks at the guard while it waits
    asyncio.run(set_aside(world, guard, 3))

    assert said == ["a person: quindex dead-letters resume index"] * 3


def test_a_worker_that_is_started_again_stops_at_its_next_dead_record() -> None:
    world = World()
    stop = StageStop("index", 9, 9, "bad", world.clock())
    asyncio.run(world.publisher.append(CONTROL, key=stop.key, value=stop.to_json()))
    asyncio.run(set_aside(world, world.guard(), 1))

    assert world.pauses == 3


def test_records_that_die_meanwhile_wait_too() -> None:
    world = World()
    guard = world.guard()

    async def both() -> None:
        await set_aside(world, guard, 2)
        await asyncio.gather(set_aside(world, guard, 1), set_aside(world, guard, 1))

    asyncio.run(both())

    assert world.pauses == 3
    assert len(world.publisher.of(LETTERS)) == 4


def test_as_long_as_nobody_knows_it_stays_as_it_is() -> None:
    world = World(is_blind=True)
    asyncio.run(set_aside(world, world.guard(), 2))

    assert len(world.publisher.of(LETTERS)) == 2


def test_control_is_not_read_for_every_record() -> None:
    world = World()
    reads: list[float] = []

    async def read_stops() -> Mapping[str, StageStop]:
        reads.append(world.clock())
        return {}

    guard = world.guard()
    guard._read_stops = read_stops  # noqa: SLF001  # counts
    asyncio.run(set_aside(world, guard, 2))
    world.clock.advance(LOOK_EVERY_S)
    asyncio.run(guard.admit("delete_braked"))

    assert len(reads) == 2
