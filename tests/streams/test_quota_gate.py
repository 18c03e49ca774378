"""The gate of the quota: a slot in every window and a grant for each request, one owner at most."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from pim.pace import Pace
from streams.grants import VALID_S
from streams.log_reader import Read
from streams.quota import Quota, Window
from streams.quota_gate import CLOCKS_DIFFER_S, QuotaGate
from streams.quota_log import NotOwner, QuotaReleased
from tests.streams.publishers import WaitingPublisher, settle
from tests.virtual_time import VirtualClock, run_virtually
from topics.due import Lane
from topics.grants import GrantKind, GrantRecord
from topics.memory import MemoryPublisher

DEADLINE_S = 30.0
SPAN_S = 600.0
TOPIC = "t.quota"


@dataclass
class Log:
    """The topic `quota`, with the broker's times."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    times: list[float] = field(default_factory=list)

    async def read(self, start: int) -> list[Read]:
        """Return what lies there from *start* on."""
        records = self.publisher.of(TOPIC)
        self.times += [self.clock()] * (len(records) - len(self.times))
        return [
            Read(offset, at_s, record.key, record.value)
            for offset, (at_s, record) in enumerate(zip(self.times, records, strict=True))
        ][start:]

    async def write(self, record: GrantRecord) -> None:
        """Append a record of somebody else's."""
        await self.publisher.append(TOPIC, key=b"other", value=record.to_json(), partition=0)
        await self.read(0)

    @property
    def grants(self) -> list[GrantRecord]:
        """What lies there."""
        return [GrantRecord.parse(record.value or b"") for record in self.publisher.of(TOPIC)]

    def gate(self, *, limit: int = 1_000, claimed: bool = True) -> QuotaGate:
        """Return the gate of one more worker."""
        gate = QuotaGate(
            Quota((Window(limit=limit, span_s=SPAN_S),)),
            publisher=self.publisher,
            topic=TOPIC,
            read=self.read,
            deadline_s=DEADLINE_S,
            clock=self.clock,
            pace=Pace(concurrency_first=8),
        )
        if claimed:
            gate.claim()
        return gate


async def send(gate: QuotaGate, count: int = 1, lane: Lane = Lane.LIVE) -> None:
    """Send requests that are answered at once."""
    for _ in range(count):
        async with gate.of(lane).request():
            pass


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario; none of them waits by the real clock."""

    run_virtually(scenario)


def test_nothing_is_sent_before_its_grant_is_stored() -> None:
    async def scenario() -> None:
        publisher = WaitingPublisher()
        log = Log(publisher=publisher)
        gate = log.gate()
        sending = asyncio.create_task(send(gate))
        await settle()
        assert gate.requests == 0
        publisher.open.set()
        await sending

        assert gate.requests == 1
        assert [record.kind for record in log.grants] == [GrantKind.FIRST, GrantKind.GRANT]

    run(scenario())


def test_a_gate_that_is_held_lets_nothing_start_until_it_is_let_go() -> None:
    async def scenario() -> None:
        gate = Log().gate()
        held: list[str] = ["a person"]
        gate.hold(lambda: held[0] if held else None)
        sending = asyncio.create_task(send(gate))
        await asyncio.sleep(30)
        assert gate.requests == 0
        assert gate.waits_for(Lane.LIVE) == "a person"
        held.clear()
        await sending

        assert gate.requests == 1

    run(scenario())


def test_a_successor_says_that_its_first_request_waits_for_the_quota() -> None:
    async def scenario() -> None:
        log = Log()
        await send(log.gate(limit=10), 5)  # and five count as used, without any memory
        gate = log.gate(limit=10)
        sending = asyncio.create_task(send(gate))
        await asyncio.sleep(1)

        assert gate.holds_up == "the PIM's quota (lane live)"
        await sending
        assert gate.holds_up is None

    run(scenario())


def test_without_any_memory_half_of_the_window_counts_as_used() -> None:
    async def scenario() -> None:
        gate = Log().gate(limit=100)
        await send(gate)

        assert gate.used_ratio == 0.51

    run(scenario())


@dataclass
class CrowdedTopic(MemoryPublisher):
    """Somebody tries a token just before an owner tells its successors what it remembers."""

    tried: int = 0

    async def append(self, topic: str, **given: Any) -> int:
        """Append, after the other's record."""
        record = GrantRecord.parse(given["value"] or b"")
        if record.kind is GrantKind.MEMORY and self.tried:
            check = GrantRecord(GrantKind.CHECK, "other", self.tried)
            await super().append(topic, key=b"other", value=check.to_json(), partition=0)
        return await super().append(topic, **given)


def test_a_token_that_is_tried_while_an_owner_takes_over_without_a_memory_counts() -> None:
    async def used(tried: int) -> float:
        log = Log(publisher=CrowdedTopic(tried=tried))
        await log.write(GrantRecord(GrantKind.GRANT, "other", 1))  # what came before it is lost
        gate = log.gate(limit=100)
        await send(gate)
        return gate.used_ratio

    assert run_virtually(used(3)) == pytest.approx(run_virtually(used(0)) + 0.03)


def test_grants_grow_with_the_demand_and_settle_the_one_before() -> None:
    async def scenario() -> None:
        log = Log()
        await send(log.gate(), 7)

        grants = [record for record in log.grants if record.kind is GrantKind.GRANT]
        assert [record.requests for record in grants] == [1, 2, 4]
        assert [(record.settles, record.sent) for record in grants] == [(None, 0), (1, 1), (2, 2)]

    run(scenario())


def test_a_grant_that_is_too_old_is_not_used() -> None:
    async def scenario() -> None:
        log = Log()
        gate = log.gate()
        await send(gate, 2)  # of the second grant, one is left
        before = len(log.grants)
        log.clock.advance(VALID_S)
        await send(gate)

        assert len(log.grants) == before + 1
        assert log.grants[-1].sent == 1

    run(scenario())


def test_a_worker_that_does_not_own_the_quota_sends_nothing() -> None:
    async def scenario() -> None:
        gate = Log().gate(claimed=False)
        with pytest.raises(QuotaReleased):
            await send(gate)

        assert gate.requests == 0
        assert not gate.is_ours()

    run(scenario())


def test_an_owner_sends_nothing_once_another_has_written() -> None:
    async def scenario() -> None:
        log = Log()
        old, new = log.gate(), log.gate()
        await send(old)
        await send(new)
        log.clock.advance(VALID_S)  # what was granted to the old one is void
        sent = old.requests
        with pytest.raises(NotOwner):
            await send(old)

        assert old.requests == sent

    run(scenario())


def test_of_two_owners_at_most_one_goes_on() -> None:
    async def scenario() -> None:
        log = Log()
        gates = [log.gate(), log.gate()]
        for gate in gates:
            await send(gate)
        log.clock.advance(VALID_S)
        ended = await asyncio.gather(*map(send, gates), return_exceptions=True)

        assert sum(isinstance(each, NotOwner) for each in ended) >= 1

    run(scenario())


def test_a_successor_knows_what_was_sent() -> None:
    async def scenario() -> None:
        log = Log()
        first = log.gate(limit=100)
        await send(first, 8)
        first.release()
        second = log.gate(limit=100)
        await send(second)

        # Half was used at first; the last grant of the first owner was not settled, and counts.
        granted = sum(record.requests for record in log.grants)
        assert second.used_ratio >= 0.5 + 9 / 100
        assert second.used_ratio <= 0.5 + granted / 100

    run(scenario())


def test_what_an_owner_granted_itself_and_did_not_settle_counts_long_enough() -> None:
    async def scenario() -> None:
        log = Log()
        await log.write(GrantRecord(GrantKind.MEMORY, "other", 0))
        await log.write(GrantRecord(GrantKind.GRANT, "other", 90))
        gate = log.gate(limit=100)
        await send(gate)
        assert gate.used_ratio == 0.91
        log.clock.advance(SPAN_S + VALID_S + DEADLINE_S + CLOCKS_DIFFER_S - 0.5)
        assert gate.used_ratio >= 0.90
        log.clock.advance(0.5)

        assert gate.used_ratio <= 0.01

    run(scenario())


def test_a_token_that_was_tried_elsewhere_costs_its_request_and_no_ownership() -> None:
    async def scenario() -> None:
        log = Log()
        gate, other = log.gate(limit=100), log.gate(claimed=False)
        await send(gate)
        assert await other.note_check(1)
        await log.read(0)
        before = gate.used_ratio
        log.clock.advance(VALID_S)
        await send(gate)

        assert gate.used_ratio == pytest.approx(before + 0.02)

    run(scenario())


def test_a_record_that_cannot_be_read_does_not_stop_the_owner() -> None:
    async def scenario() -> None:
        log = Log()
        gate = log.gate()
        await log.publisher.append(TOPIC, key=b"?", value=b"?", partition=0)
        await send(gate)
        await log.publisher.append(TOPIC, key=b"?", value=None, partition=0)
        log.clock.advance(VALID_S)
        await send(gate)

        assert gate.requests == 2

    run(scenario())


def test_a_released_owner_sends_nothing_more_and_reads_anew_when_it_owns_again() -> None:
    async def scenario() -> None:
        log = Log()
        gate = log.gate()
        await send(gate, 2)
        gate.release()
        with pytest.raises(QuotaReleased):
            await send(gate)
        gate.claim()
        await send(gate)

        assert [record.kind for record in log.grants].count(GrantKind.TAKE_OVER) == 1
        assert gate.requests == 3

    run(scenario())


def test_who_waits_for_a_slot_goes_on_when_one_is_free() -> None:
    async def scenario() -> None:
        log = Log()
        gate = log.gate(limit=4)  # two of them count as used
        async with AsyncExitStack() as under_way:
            for _ in range(2):
                await under_way.enter_async_context(gate.request(Lane.LIVE))
            waiting = asyncio.create_task(send(gate))
            await settle()
            assert (gate.is_free(Lane.LIVE), waiting.done()) == (False, False)
            log.clock.advance(SPAN_S)  # what was there at first has left the window
        await waiting

        assert gate.requests == 3

    run(scenario())


def test_lower_lanes_leave_slots_to_live_requests() -> None:
    async def scenario() -> None:
        gate = Log().gate(limit=10)  # five count as used
        await send(gate, 3, Lane.PROCESS)
        waiting = asyncio.create_task(send(gate, 1, Lane.SCAN))
        await settle()
        assert (gate.is_free(Lane.SCAN), gate.is_free(Lane.PROCESS)) == (False, False)
        await send(gate, 2)

        assert (waiting.done(), gate.is_free(Lane.LIVE)) == (False, False)
        waiting.cancel()

    run(scenario())


def test_a_request_that_failed_holds_its_slot_too() -> None:
    async def scenario() -> None:
        gate = Log().gate(limit=10)
        with pytest.raises(ConnectionError):
            async with gate.request(Lane.LIVE):
                raise ConnectionError

        assert gate.used_ratio == 0.6

    run(scenario())
