import asyncio

import pytest

from streams.publisher import KafkaPublisher
from streams.stall import StallDetector
from streams.watchdog import Stalled, Watchdog
from tests.streams.offline import Member, open_member


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
