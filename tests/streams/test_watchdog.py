import asyncio

import pytest

from streams.publisher import KafkaPublisher
from streams.stall import STALLED_AFTER_S, StallDetector
from streams.watchdog import CHECK_EVERY_S, Stalled, Watchdog
from tests.clock import FakeClock
from tests.streams.offline import TOPIC, Member, open_member
from tests.streams.toys import Toy


async def nothing_changed() -> str | None:
    return None


def to_watchdog(member: Member) -> Watchdog:
    member.app._consumer = member.consumer  # noqa: SLF001  # as Faust does when it starts
    member.consumer._thread.thread_loop.close()  # noqa: SLF001  # as when its thread has ended
    detector, publisher = StallDetector(), KafkaPublisher({})
    return Watchdog(member.app, {}, nothing_changed, detector, publisher)  # type: ignore[arg-type]  # any app


def test_a_consumer_that_ended_by_itself_ends_the_worker() -> None:
    async def scenario() -> None:
        with open_member() as member:
            await to_watchdog(member)._check_consumer()  # noqa: SLF001  # run() waits in between

    with pytest.raises(Stalled, match="Event loop is closed"):
        asyncio.run(scenario())


def test_a_consumer_that_was_told_to_end_is_no_failure() -> None:
    async def scenario() -> None:
        with open_member() as member:
            watchdog = to_watchdog(member)
            await member.app.stop()
            await watchdog._check_consumer()  # noqa: SLF001  # as above

    asyncio.run(scenario())


async def watch_a_hanging_commit(*, finishes: bool) -> None:
    """Check a stage for two minutes, in which no commit is answered."""
    clock = FakeClock()
    with open_member() as member:
        member.consumer.highwater = lambda _tp: 1_000  # most of it has yet to be fetched
        stages, publisher = {TOPIC: Toy()}, KafkaPublisher({})
        watchdog = Watchdog(
            member.app,  # type: ignore[arg-type]  # any app
            stages,
            nothing_changed,
            StallDetector(),
            publisher,
            clock=clock,
        )
        rounds = int(2 * STALLED_AFTER_S / CHECK_EVERY_S)
        await member.deliver(*range(rounds + 1))
        member.acknowledge(0)
        member.group.hangs = True
        by_the_timer = asyncio.create_task(member.consumer.commit())
        await asyncio.sleep(0)
        try:
            for offset in range(1, rounds + 1):
                watchdog._check_stages(member.consumer)  # noqa: SLF001  # run() waits in between
                clock.advance(CHECK_EVERY_S)
                if finishes:
                    member.acknowledge(offset)
        finally:
            by_the_timer.cancel()


def test_a_stage_that_goes_on_while_a_commit_hangs_has_not_stalled() -> None:
    asyncio.run(watch_a_hanging_commit(finishes=True))


def test_a_stage_that_does_not_go_on_has_stalled_whatever_the_commit_does() -> None:
    with pytest.raises(Stalled, match="has not gone on for 60 s"):
        asyncio.run(watch_a_hanging_commit(finishes=False))
