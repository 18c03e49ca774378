"""Debounce that a person has paused."""

import asyncio

from pim.kinds import Kind
from streams.debounce import DebounceBuffer, Timing
from streams.debounce_stage import Debouncer
from tests.clock import FakeClock
from tests.streams.examples import Inbox, to_body
from topics.dead_letters import DeadLetters
from topics.due import DueRecord
from topics.memory import MemoryPublisher
from topics.names import TopicNames
from topics.records import Received

TOPICS = TopicNames("t")


def test_it_passes_nothing_on_until_it_is_resumed() -> None:
    clock = FakeClock()
    publisher, paused = MemoryPublisher(), ["a person"]
    stage = Debouncer(
        buffer=DebounceBuffer[Received](
            Timing(lead_s=0.5, quiet_s=2, delay_max_s=15), keys_max=10, clock=clock
        ),
        publisher=publisher,
        dead_letters=DeadLetters(publisher, TOPICS.dead_letters, "debounce", clock),
        topics=TOPICS,
        kinds=tuple(Kind),
        clock=clock,
        paused=lambda: paused[0] if paused else None,
    )

    async def scenario() -> None:
        await stage.take(Inbox().receive(to_body("a"), appended_s=clock()))
        clock.advance(99)
        await stage.flush()
        await stage.drain()

        assert publisher.of(TOPICS.due) == []
        assert stage.waits_for == "a person"
        paused.clear()
        await stage.flush()

    asyncio.run(scenario())

    (record,) = publisher.of(TOPICS.due)
    assert DueRecord.parse(record.value or b"").key == "document:a"
