"""
What an upgrade of Faust may not change unseen.

The canaries show that Faust still commits past held records; once one fails, the bug is fixed
there, and streams/safe_consumer.py may be simpler. The pins hold what it overrides.
"""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport

from streams.safe_consumer import PipelineApp, SafeConsumer
from tests.streams.offline import PARTITION, Member, open_member


@pytest.mark.parametrize(
    ("committed", "delivered", "acked", "commits"),
    [
        pytest.param(None, range(6), [5], [6, 6], id="a fresh group, the head held"),
        pytest.param(10, [10, 11], [11], [12, 12], id="the head held"),
        pytest.param(10, [10, 11, 12], [10, 12], [11, 13], id="one held in the middle"),
        pytest.param(10, [10, 15, 16], [10, 16], [17, 17], id="held after a compacted gap"),
    ],
)
def test_plain_faust_still_commits_past_held_records(
    committed: int | None, delivered: Sequence[int], acked: Sequence[int], commits: list[int]
) -> None:
    async def scenario() -> list[int | None]:
        with open_member(safe=False, committed=committed) as member:
            await member.consumer.perform_seek()
            await member.deliver(*delivered)
            member.acknowledge(*acked)
            return [await member.commit(), await member.commit()]

    assert asyncio.run(scenario()) == commits


def test_plain_faust_still_never_repeats_a_refused_commit() -> None:
    async def scenario() -> Member:
        with open_member(safe=False, committed=10) as member:
            await member.consumer.perform_seek()
            await member.deliver(10)
            member.acknowledge(10)
            member.group.refuses = True
            await member.commit()
            member.group.refuses = False
            await member.commit()
            return member

    assert asyncio.run(scenario()).group.committed == {PARTITION: 10}


def test_plain_faust_still_commits_past_what_was_held_at_a_revoke() -> None:
    async def scenario() -> int | None:
        with open_member(safe=False, committed=11) as member:
            await member.consumer.perform_seek()
            await member.deliver(11, 12, 13, 14)
            await member.consumer.on_partitions_revoked({PARTITION})
            member.acknowledge(14)
            return await member.commit()

    assert asyncio.run(scenario()) == 15


@pytest.mark.parametrize(
    ("overridden", "parameters", "is_async"),
    [
        (Consumer._new_offset, ["self", "tp"], False),  # noqa: SLF001  # this is the pin
        (Consumer._add_gap, ["self", "tp", "offset_from", "offset_to"], True),  # noqa: SLF001  # ditto
        (Consumer._commit_offsets, ["self", "offsets", "start_new_transaction"], True),  # noqa: SLF001  # ditto
        (Consumer._filter_tps_with_pending_acks, ["self", "topics"], False),  # noqa: SLF001  # ditto
        (Consumer._should_commit, ["self", "tp", "offset"], False),  # noqa: SLF001  # ditto
        (Consumer.perform_seek, ["self"], True),
        (Consumer.on_partitions_revoked, ["self", "revoked"], True),
        (Consumer.ack, ["self", "message"], False),
        (faust.App._new_transport, ["self"], False),  # noqa: SLF001  # ditto
        (faust.App.FlowControlQueue, ["self", "maxsize", "clear_on_resume"], False),
        (faust.App._create_directories, ["self"], False),  # noqa: SLF001  # ditto
        (faust.App._on_rebalance_when_stopped, ["self"], False),  # noqa: SLF001  # ditto
        (Consumer.resume_flow, ["self"], False),
        (AIOKafkaConsumerThread._create_worker_consumer, ["self", "transport"], False),  # noqa: SLF001  # ditto
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_overridden_keeps_its_signature(
    overridden: Callable[..., Any], parameters: list[str], is_async: bool
) -> None:
    assert list(inspect.signature(overridden).parameters) == parameters
    assert inspect.iscoroutinefunction(overridden) is is_async


def test_the_loop_still_hands_records_to_the_callback_of_the_constructor() -> None:
    parameters = list(inspect.signature(Consumer.__init__).parameters)

    assert parameters[:5] == [
        "self",
        "transport",
        "callback",
        "on_partitions_revoked",
        "on_partitions_assigned",
    ]
    loop = inspect.getsource(Consumer._drain_messages)  # noqa: SLF001  # this is the pin
    assert "callback = self.callback" in loop
    assert "callback(message), self.suspend_flow.wait()" in loop


def test_faust_still_makes_tasks_of_each_record() -> None:
    assert count_tasks(safe=False) >= 20 * 3
    assert count_tasks(safe=True) <= 1  # of the poll


def count_tasks(*, safe: bool) -> int:
    """Return how many tasks it takes to deliver twenty records."""
    made: list[asyncio.Task[Any]] = []

    def make(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(task := asyncio.Task(coro, loop=loop, **options))
        return task

    async def scenario() -> int:
        with open_member(safe=safe, committed=0) as member:
            await member.consumer.perform_seek()
            asyncio.get_running_loop().set_task_factory(make)
            await member.deliver(*range(20))
            assert [message.offset for message in member.taken] == list(range(20))
            return len(made)

    return asyncio.run(scenario())


def test_the_state_that_is_cleared_still_holds_the_acknowledgements() -> None:
    async def scenario() -> tuple[dict[Any, list[int]], dict[Any, set[int]]]:
        with open_member(safe=False) as member:
            await member.deliver(3, 4)
            member.acknowledge(4)
            return dict(member.consumer._acked), dict(member.consumer._acked_index)  # noqa: SLF001  # ditto

    assert asyncio.run(scenario()) == ({PARTITION: [4]}, {PARTITION: {4}})


def test_faust_still_keeps_acknowledgements_out_by_what_it_thinks_is_committed() -> None:
    async def scenario() -> list[bool]:
        with open_member(safe=False, committed=10) as member:
            await member.consumer.perform_seek()
            await member.deliver(10, 11)
            member.consumer._committed_offset[PARTITION] = 11  # noqa: SLF001  # by a late commit
            return member.acknowledge(10, 11)

    assert asyncio.run(scenario()) == [False, True]


def test_faust_still_takes_its_consumer_from_the_transport() -> None:
    async def scenario() -> PipelineApp:
        return PipelineApp("quindex", broker="kafka://127.0.0.1:1")

    app = asyncio.run(scenario())

    assert isinstance(app.transport, Transport)
    assert app.transport.Consumer is SafeConsumer


def test_aiokafka_still_reads_the_wait_of_a_fetch_when_it_starts() -> None:
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)
