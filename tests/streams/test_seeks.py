"""Partitions move, and move again, while the consumer looks for where to go on from."""

import asyncio
from typing import Any

import pytest
from faust.tables.recovery import RebalanceAgain

from streams.app import _REQUEST_TIMEOUT_S
from streams.safe_consumer import SafeConsumer, SeekTimedOut
from tests.streams.offline import PARTITION, Member, open_member


def test_a_late_commit_keeps_out_no_acknowledgement_of_what_comes_again() -> None:
    async def scenario() -> tuple[Member, int]:
        with open_member(committed=10) as member:
            await member.deliver(*range(10, 20))
            member.acknowledge(*range(10, 20))
            member.group.answers = asyncio.Event()
            by_the_timer = asyncio.create_task(member.consumer.commit())
            await asyncio.sleep(0)
            member.consumer.revoke_commit_max_s = 0.05
            await member.consumer.on_partitions_revoked({PARTITION})
            await member.assign()
            await member.deliver(*range(10, 20))
            member.group.refuses = True  # partitions have moved since
            member.group.answers.set()
            await by_the_timer
            member.group.refuses = False
            acknowledged = sum(member.acknowledge(*range(10, 20)))
            await member.commit()
            return member, acknowledged

    member, acknowledged = asyncio.run(scenario())

    assert acknowledged == 10  # all that came again
    assert member.group.committed == {PARTITION: 20}


def test_nothing_is_delivered_between_a_revoke_and_the_next_seek() -> None:
    async def scenario() -> None:
        with open_member(committed=10) as member:
            consumer, may_seek = member.consumer, asyncio.Event()
            seek_to_committed = consumer.seek_to_committed

            async def seek_slowly() -> Any:
                await may_seek.wait()
                return await seek_to_committed()

            consumer.seek_to_committed = seek_slowly
            seeking = asyncio.create_task(member.assign())
            await asyncio.sleep(0)
            await consumer.on_partitions_revoked({PARTITION})
            consumer.stop_flow()
            may_seek.set()
            with pytest.raises(RebalanceAgain):
                await seeking
            consumer.resume_flow()  # as Faust does where it has not noticed
            assert not consumer.can_resume_flow.is_set()

            await member.assign()
            consumer.resume_flow()
            assert consumer.can_resume_flow.is_set()

    asyncio.run(scenario())


def test_a_seek_that_nobody_answers_ends_the_worker_instead_of_its_deliveries() -> None:
    """Faust takes its own time limit for an order to stop, and waits for nothing any more."""

    async def scenario() -> None:
        with open_member(committed=10) as member:
            member.app._consumer = member.consumer  # noqa: SLF001  # as Faust does when it starts
            member.consumer.seek_to_committed = asyncio.Event().wait
            member.consumer.seek_max_s = 0.05
            recovery: Any = member.app.tables.recovery  # type: ignore[attr-defined]  # not on its interface
            recovery._generation_id = member.app.consumer_generation_id  # noqa: SLF001  # as it does
            recovery.signal_recovery_start.set()
            async with asyncio.timeout(30):
                await type(recovery)._restart_recovery(recovery)  # noqa: SLF001  # the task itself

    with pytest.raises(SeekTimedOut, match=r"within 0\.05 s where to go on from"):
        asyncio.run(scenario())
    assert SafeConsumer.seek_max_s < _REQUEST_TIMEOUT_S
