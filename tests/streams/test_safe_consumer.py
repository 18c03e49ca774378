"""The consumer end to end but for the broker: Faust's loop, our ledgers, a group of our own."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from faust.types import TP, ConsumerMessage

from streams.safe_consumer import FETCH_WAIT_MAX_MS, _Fetched
from tests.streams.offline import GENERATION, PARTITION, Member, open_member


def run_row(
    *, committed: int | None, delivered: Sequence[int], acked: Sequence[int]
) -> list[int | None]:
    """Return what the group holds after each of two ticks."""

    async def scenario() -> list[int | None]:
        with open_member(committed=committed) as member:
            await member.consumer.perform_seek()
            await member.deliver(*delivered)
            member.acknowledge(*acked)
            return [await member.commit(), await member.commit()]

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("committed", "delivered", "acked", "expected"),
    [
        pytest.param(None, range(6), [5], 0, id="a fresh group, the head held"),
        pytest.param(10, [10, 11], [11], 10, id="the head held"),
        pytest.param(10, [10, 11, 12], [10, 12], 11, id="one held in the middle"),
        pytest.param(10, [10, 15, 16], [10, 16], 15, id="held after a compacted gap"),
        pytest.param(10, [15, 16], [16], 15, id="held after a gap at the head"),
        pytest.param(10, [10, 15, 16], [10, 15, 16], 17, id="all done, with a gap"),
    ],
)
def test_the_group_never_holds_more_than_is_acknowledged(
    committed: int | None, delivered: Sequence[int], acked: Sequence[int], expected: int
) -> None:
    ticks = run_row(committed=committed, delivered=delivered, acked=acked)

    assert ticks == [expected, expected]


def test_nothing_delivered_commits_nothing() -> None:
    assert run_row(committed=None, delivered=[], acked=[]) == [None, None]


def test_a_refused_commit_is_offered_again() -> None:
    async def scenario() -> Member:
        with open_member(committed=10) as member:
            await member.deliver(10, 11)
            member.acknowledge(10, 11)
            member.group.refuses = True
            await member.commit()
            member.group.refuses = False
            await member.commit()
            await member.commit()
            return member

    member = asyncio.run(scenario())

    assert member.group.tries == [{PARTITION: 12}, {PARTITION: 12}]
    assert member.group.committed == {PARTITION: 12}


def test_a_refused_commit_does_not_keep_acknowledgements_out() -> None:
    async def scenario() -> int | None:
        with open_member(committed=10) as member:
            await member.deliver(10, 11, 12)
            member.acknowledge(10, 12)
            member.group.refuses = True
            await member.commit()
            member.group.refuses = False
            member.acknowledge(11)
            return await member.commit()

    assert asyncio.run(scenario()) == 13


def test_a_revoke_commits_while_still_a_member_and_forgets_what_is_held() -> None:
    async def scenario() -> Member:
        with open_member(committed=10) as member:
            await member.deliver(10, 11, 12, 13, 14)
            member.acknowledge(10)
            await member.consumer.on_partitions_revoked({PARTITION})
            member.acknowledge(14)  # 11 to 13 are held
            await member.commit()
            return member

    member = asyncio.run(scenario())

    assert member.group.committed == {PARTITION: 11}
    assert member.rebalances == ["revoked"]
    assert member.consumer.ledgers == {}


def test_a_revoke_commits_what_was_acknowledged_after_a_commit_under_way() -> None:
    async def scenario() -> Member:
        with open_member(committed=10) as member:
            await member.deliver(10, 11)
            member.acknowledge(10)
            member.group.answers = asyncio.Event()
            by_the_timer = asyncio.create_task(member.consumer.commit())
            await asyncio.sleep(0)
            member.acknowledge(11)
            revoking = asyncio.create_task(member.consumer.on_partitions_revoked({PARTITION}))
            await asyncio.sleep(0)
            member.group.answers.set()
            await asyncio.gather(by_the_timer, revoking)
            return member

    assert asyncio.run(scenario()).group.committed == {PARTITION: 12}


def test_a_commit_under_way_that_hangs_holds_a_revoke_up_only_for_a_while() -> None:
    async def scenario() -> Member:
        with open_member(committed=10) as member:
            await member.deliver(10)
            member.acknowledge(10)
            member.group.hangs = True
            member.consumer.revoke_commit_max_s = 0.05
            by_the_timer = asyncio.create_task(member.consumer.commit())
            await asyncio.sleep(0)
            async with asyncio.timeout(30):
                await member.consumer.on_partitions_revoked({PARTITION})
            by_the_timer.cancel()
            return member

    assert asyncio.run(scenario()).rebalances == ["revoked"]


def test_what_is_acknowledged_while_a_commit_hangs_counts_as_finished_at_once() -> None:
    async def scenario() -> tuple[Member, int, int]:
        with open_member(committed=10) as member:
            await member.deliver(10, 11, 12, 13)
            member.acknowledge(10)
            member.group.hangs = True
            by_the_timer = asyncio.create_task(member.consumer.commit())
            await asyncio.sleep(0)
            member.acknowledge(11, 13)
            ledger = member.consumer.ledgers[PARTITION]
            seen = ledger.finished, ledger.held
            by_the_timer.cancel()
            return member, *seen

    member, finished, held = asyncio.run(scenario())

    assert (finished, held) == (3, 1)
    assert member.group.tries == [{PARTITION: 11}]


def test_a_broker_that_does_not_answer_holds_a_revoke_up_only_for_a_while() -> None:
    async def scenario() -> Member:
        with open_member(committed=10) as member:
            member.consumer.revoke_commit_max_s = 0.01
            await member.deliver(10)
            member.acknowledge(10)
            member.group.hangs = True
            await member.consumer.on_partitions_revoked({PARTITION})
            member.group.hangs = False
            await member.assign()
            await member.deliver(10)
            member.acknowledge(10)
            await member.commit()  # the one that was given up is in nobody's way
            return member

    member = asyncio.run(scenario())

    assert member.rebalances == ["revoked"]
    assert member.group.committed == {PARTITION: 11}


def test_an_acknowledgement_from_before_a_rebalance_does_not_count() -> None:
    async def scenario() -> tuple[list[bool], Member]:
        with open_member(committed=10) as member:
            await member.deliver(10, 11)
            old = list(member.taken)
            await member.assign()
            await member.deliver(10, 11)
            answers = [bool(member.consumer.ack(message)) for message in old]
            await member.commit()
            return answers, member

    answers, member = asyncio.run(scenario())

    assert answers == [False, False]
    assert member.group.committed == {PARTITION: 10}
    assert member.consumer.ledgers[PARTITION].held == 2


def test_no_commit_between_two_records_can_outlast_a_rebalance() -> None:
    """Faust would then take the second for read, and drop the records before it."""

    async def scenario() -> Member:
        with open_member() as member:
            await member.deliver(0)
            member.acknowledge(0)
            member.consumer._n_acked = 1_000_000  # noqa: SLF001  # acknowledgements since the last one
            await member.deliver(1)
            return member

    assert asyncio.run(scenario()).group.tries == []


def test_a_record_from_before_a_rebalance_is_left_for_when_it_comes_again() -> None:
    async def scenario() -> Member:
        with open_member(committed=10) as member:
            await member.assign()
            await member.deliver_messages(
                member.message(15, generation=GENERATION), member.message(10), member.message(11)
            )
            member.acknowledge(10)
            await member.commit()
            return member

    member = asyncio.run(scenario())

    assert [message.offset for message in member.taken] == [10, 11]
    assert member.group.committed == {PARTITION: 11}
    assert member.consumer.regression is None


def test_a_record_that_waits_for_its_stage_while_partitions_move_keeps_nothing_out() -> None:
    """Faust notes it as read once it is over, and would drop all that comes again before it."""

    async def scenario() -> Member:
        with open_member(committed=10) as member:
            arrived, room = asyncio.Event(), asyncio.Event()

            async def take(message: ConsumerMessage) -> None:
                member.taken.append(message)
                if message.offset == 15:
                    arrived.set()
                    await room.wait()

            member.stage = take
            waiting = asyncio.create_task(member.deliver(10, 11, 15))
            await arrived.wait()
            await member.consumer.on_partitions_revoked({PARTITION})
            await member.assign()
            room.set()
            await waiting
            await member.deliver(10, 11, 15)
            member.acknowledge(10)
            await member.commit()
            return member

    member = asyncio.run(scenario())

    assert [message.offset for message in member.taken] == [10, 11, 15, 10, 11, 15]
    assert member.group.committed == {PARTITION: 11}
    assert member.consumer.regression is None


def test_where_offsets_go_back_nothing_more_is_committed() -> None:
    """The log was replaced: what was acknowledged may speak of the old one."""

    async def scenario() -> Member:
        with open_member(committed=10) as member:
            await member.deliver(15, 3)
            member.acknowledge(15, 3)
            await member.commit()
            await member.consumer.on_partitions_revoked({PARTITION})
            return member

    member = asyncio.run(scenario())

    assert member.group.tries == []
    assert member.consumer.regression == "quindex.due partition 0: 3 after 15"


def test_what_was_fetched_before_the_consumer_was_sent_elsewhere_is_fetched_again() -> None:
    async def scenario() -> tuple[Any, Any]:
        with open_member() as member:
            thread = member.consumer._thread  # noqa: SLF001  # Faust has no public way
            fetched = _Fetched({PARTITION: ["a record"]})

            async def getmany(*_: Any) -> Any:
                return fetched

            thread.getmany = getmany
            now = await member.consumer._getmany({PARTITION}, 1.0)  # noqa: SLF001  # ditto
            thread.seeks += 1
            return now, await member.consumer._getmany({PARTITION}, 1.0)  # noqa: SLF001  # ditto

    assert asyncio.run(scenario()) == ({PARTITION: ["a record"]}, {})


def test_going_back_delivers_again_and_counts_anew() -> None:
    async def scenario() -> list[int | None]:
        with open_member(committed=10) as member:
            await member.deliver(10, 11, 12)
            member.acknowledge(12)  # not committed: lost with the rebalance
            await member.assign()
            await member.deliver(10, 11, 12)
            seen = [await member.commit()]
            member.acknowledge(10, 11)
            seen.append(await member.commit())
            member.acknowledge(12)
            return [*seen, await member.commit()]

    assert asyncio.run(scenario()) == [10, 12, 13]


def test_a_topic_that_needs_no_acknowledgement_has_no_ledger() -> None:
    async def scenario() -> Member:
        with open_member() as member:
            await member.deliver_messages(member.message(3, tp=TP("other", 0)))
            return member

    member = asyncio.run(scenario())

    assert [message.topic for message in member.taken] == ["other"]
    assert member.consumer.ledgers == {}


def test_a_commit_for_some_topics_leaves_the_others_alone() -> None:
    other = TP("quindex.snapshots", 3)

    async def scenario() -> Member:
        with open_member() as member:
            member.app.topics.acking_topics.add(other.topic)
            member.group.assigned.add(other)
            await member.deliver_messages(member.message(0), member.message(0, tp=other))
            for message in member.taken:
                member.consumer.ack(message)
            await member.consumer.commit({other})
            await member.consumer.commit({PARTITION.topic})
            return member

    assert asyncio.run(scenario()).group.tries == [{other: 1}, {PARTITION: 1}]


def test_a_partition_that_is_not_assigned_any_more_is_not_committed() -> None:
    async def scenario() -> Member:
        with open_member(committed=10) as member:
            await member.deliver(10)
            member.acknowledge(10)
            member.group.assigned.clear()
            await member.commit()
            return member

    assert asyncio.run(scenario()).group.tries == []


def test_a_fetch_that_finds_nothing_returns_soon() -> None:
    async def scenario() -> int:
        with open_member() as member:
            thread = member.consumer._thread  # noqa: SLF001  # where Faust makes the consumer
            created = thread._create_worker_consumer(member.app.transport)  # noqa: SLF001  # ditto
            await created.stop()
            return int(created._fetch_max_wait_ms)  # noqa: SLF001  # aiokafka has no getter

    assert asyncio.run(scenario()) == FETCH_WAIT_MAX_MS
