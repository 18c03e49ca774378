"""What the fetch stage does about 404s, about a PIM that is ill, and about poison."""

import asyncio

import pytest

from pim.kinds import Kind
from pim.notifications import parse_notification
from runtime.errors import KafkaUnavailable, RecordTooLarge
from runtime.metrics import REGISTRY
from simulator import changes
from simulator.behaviour import Behaviour
from simulator.faults import Fault, FaultKind
from streams.choosing import TRY_DENIED_S
from streams.fetch_stage import MOVED_AGAIN_S
from streams.missing import LOOK_AGAIN_S
from streams.watchdog import CHECK_EVERY_S, SURROUNDINGS_EVERY_S
from tests.streams.examples import to_due_record
from tests.streams.pim import TOPICS, fetch, open_bench, run
from tests.streams.publishers import settle
from topics.due import DueRecord, Lane
from topics.notifications import to_not_before_s

NOTHING = "nobody-has-this"


def test_an_announced_delete_is_believed_at_once() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            changes.delete(bench.simulation.instance, (Kind.DOCUMENT, code))
            await fetch(bench, code, delete=True)

            (snapshot,) = bench.snapshots
            assert (snapshot.deleted, snapshot.resource) == (True, {})

    run(scenario())


def test_a_delete_of_what_is_there_is_not_believed() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            await fetch(bench, code, delete=True)

            assert [s.deleted for s in bench.snapshots] == [False]

    run(scenario())


def test_a_404_that_nobody_announced_is_looked_at_again() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            started_s = bench.clock()
            await bench.take(NOTHING)
            await bench.until(lambda: bench.requests, advance_s=0.05)
            await settle()
            assert bench.acknowledged == []
            await bench.until(lambda: bench.acknowledged, advance_s=0.5)

            assert [s.deleted for s in bench.snapshots] == [True]
            assert bench.clock() - started_s >= LOOK_AGAIN_S

    run(scenario())


def test_a_pim_that_denies_it_twice_and_then_is_well_again_deletes_nothing() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            codes = bench.codes(2)
            await fetch(bench, codes[0])  # known to live
            fault = Fault(status=404, path=codes[1], times=2)  # both looks, and not the third
            bench.simulation.faults.set(FaultKind.STATUS, fault)
            await bench.take(codes[1], offset=1)
            await bench.until(lambda: len(bench.acknowledged) == 2, advance_s=0.5)

            assert [snapshot.deleted for snapshot in bench.snapshots] == [False, False]

    run(scenario())


def test_what_comes_back_within_that_time_lives() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await bench.take(NOTHING)
            await bench.until(lambda: bench.requests, advance_s=0.05)
            await settle()
            changes.create(bench.simulation.instance, (Kind.DOCUMENT, NOTHING))
            await bench.until(lambda: bench.acknowledged, advance_s=0.5)

            assert [s.deleted for s in bench.snapshots] == [False]

    run(scenario())


def test_a_pim_that_denies_everything_deletes_nothing() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await fetch(bench, bench.codes(1)[0])
            fault = Fault(status=404)
            bench.simulation.faults.set(FaultKind.STATUS, fault)
            await bench.take(bench.codes(2)[1])
            requests = bench.requests
            await bench.until(lambda: bench.requests > requests + 5, advance_s=1)
            assert len(bench.acknowledged) == 1
            bench.simulation.faults.clear()
            await bench.until(lambda: len(bench.acknowledged) == 2, advance_s=1)

            assert [s.deleted for s in bench.snapshots] == [False, False]

    run(scenario())


def test_a_pim_that_denies_everything_is_asked_less_and_less_whatever_is_announced() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            codes = bench.codes(2)
            await fetch(bench, codes[0])
            bench.simulation.faults.set(FaultKind.STATUS, Fault(status=404))
            requests, offset = bench.requests, 1
            while offset < 90:
                await bench.take(codes[1], offset=offset)
                offset += 1
                await asyncio.sleep(5)
            asked = bench.requests - requests
            assert bench.stage.waits_for == "the PIM: it answers 404 to everything"
            bench.simulation.faults.clear()
            cleared_s = bench.clock()
            await bench.until(lambda: len(bench.acknowledged) == offset, advance_s=0.5)

            assert asked < 200, "in 450 s: a few every 10 s, to see whether it is well again"
            assert bench.clock() - cleared_s <= TRY_DENIED_S + LOOK_AGAIN_S
            assert not any(snapshot.deleted for snapshot in bench.snapshots)

    run(scenario())


def test_beyond_the_brake_unannounced_deletes_are_parked() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            for number in range(3):
                await bench.take(f"{NOTHING}-{number}", offset=number)
            await bench.until(lambda: len(bench.acknowledged) == 3, advance_s=0.5)

            assert [s.deleted for s in bench.snapshots] == [True, True]
            (letter,) = bench.publisher.of(TOPICS.dead_letters)
            assert letter.headers["reason"] == b"delete_braked"

    run(scenario())


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (FaultKind.STATUS, Fault(status=503)),
        (FaultKind.THROTTLE, Fault(retry_after_s=7)),
        (FaultKind.MAINTENANCE, Fault()),
        (FaultKind.TRUNCATED, Fault()),
    ],
)
def test_while_the_pim_is_ill_resources_wait_and_then_converge(
    kind: FaultKind, fault: Fault
) -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            bench.simulation.faults.set(kind, fault)
            for offset, code in enumerate(bench.codes(3)):
                await bench.take(code, offset=offset)
            await bench.until(lambda: bench.requests >= 4, advance_s=0.5)
            assert bench.acknowledged == []
            assert bench.stage.waits_for is not None
            bench.simulation.faults.clear()
            await bench.until(lambda: len(bench.acknowledged) == 3, advance_s=0.5)

            assert {s.code for s in bench.snapshots} == set(bench.codes(3))
            assert bench.publisher.of(TOPICS.dead_letters) == []

    run(scenario())


def test_a_wait_that_the_pim_asks_for_is_kept() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            bench.simulation.faults.set(FaultKind.THROTTLE, Fault(retry_after_s=50, times=1))
            started_s = bench.clock()
            await bench.take(bench.codes(1)[0])
            await bench.until(lambda: bench.acknowledged, advance_s=0.5)

            assert bench.clock() - started_s >= 50

    run(scenario())


def test_a_wrong_token_pauses_everything_and_loses_nothing() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            bench.simulation.faults.set(FaultKind.STATUS, Fault(status=401))
            await bench.take(bench.codes(1)[0])
            await bench.until(lambda: bench.requests >= 3, advance_s=1)
            assert bench.acknowledged == []
            assert "refuses the token" in (bench.stage.waits_for or "")
            bench.simulation.faults.clear()
            await bench.until(lambda: bench.acknowledged, advance_s=1)

            assert len(bench.snapshots) == 1

    run(scenario())


def test_without_end_offsets_nothing_is_fetched() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await fetch(bench, bench.codes(1)[0])
            bench.ends.failure = KafkaUnavailable("gone")
            requests = bench.requests
            await bench.take(bench.codes(2)[1])
            await bench.until(lambda: bench.stage.waits_for, advance_s=0.05)
            assert bench.requests == requests
            bench.ends.failure = None
            await bench.until(lambda: len(bench.acknowledged) == 2, advance_s=0.5)

    run(scenario())


@pytest.mark.parametrize("moved", ["offset", "partition"])
def test_a_notification_that_moved_is_appended_again(moved: str) -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            record = to_due_record(code)
            wrong = {"offset": 100} if moved == "offset" else {"partition": record.partition + 1}
            await bench.take_record(record.model_copy(update=wrong))
            await bench.until(lambda: bench.acknowledged, advance_s=0.05)

            assert bench.snapshots == []
            (trigger,) = bench.publisher.of(TOPICS.notifications)
            assert (trigger.key, trigger.headers["source"]) == (code.encode(), b"trigger")

    run(scenario())


@pytest.mark.parametrize(
    ("status", "name"), [(503, "quindex_pim_breaker_open"), (401, "quindex_pim_refused")]
)
def test_only_who_owns_the_requests_says_that_the_pim_is_unwell(status: int, name: str) -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            bench.simulation.faults.set(FaultKind.STATUS, Fault(status=status))
            await bench.take(bench.codes(1)[0])
            await bench.until(lambda: REGISTRY.get_sample_value(name) == 1, advance_s=1)
            bench.stage.drop()
            assert REGISTRY.get_sample_value(name) == 0

    run(scenario())


def test_only_who_owns_the_requests_says_what_waits() -> None:
    waiting = ("quindex_fetch_waiting_keys", {"lane": Lane.LIVE.value})

    async def scenario() -> None:
        async with open_bench() as bench:
            bench.use_quota(1.0)
            await bench.take(bench.codes(1)[0])
            await bench.until(lambda: REGISTRY.get_sample_value(*waiting) == 1, advance_s=1)
            bench.stage.drop()
            await bench.take(bench.codes(1)[0])
            await asyncio.sleep(5)
            assert REGISTRY.get_sample_value(*waiting) == 0

    run(scenario())


def test_a_record_of_two_places_is_appended_again() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            record = to_due_record(code, lane=Lane.PROCESS, moved=True, created=True)
            await bench.take_record(record)
            await bench.until(lambda: bench.acknowledged, advance_s=0.05)

            assert bench.snapshots == []
            (trigger,) = bench.publisher.of(TOPICS.notifications)
            assert to_not_before_s(trigger.headers) is None
            again = parse_notification(trigger.value or b"")
            assert (again.is_create, again.process_id) == (True, "moved")

    run(scenario())


def test_what_is_ours_and_has_moved_waits_for_a_worker_that_knows_its_place() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            record = to_due_record(code)
            wrong = {"partition": record.partition + 1, "ours": True}
            await bench.take_record(record.model_copy(update=wrong))
            await bench.until(lambda: bench.acknowledged, advance_s=0.05)

            (trigger,) = bench.publisher.of(TOPICS.notifications)
            not_before_s = to_not_before_s(trigger.headers)
            assert not_before_s is not None
            assert not_before_s > bench.clock() + MOVED_AGAIN_S - 5
            assert MOVED_AGAIN_S > SURROUNDINGS_EVERY_S + CHECK_EVERY_S

    run(scenario())


def test_what_was_fetched_waits_while_nobody_knows_what_was_deleted_lately() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            there, gone = bench.codes(2)
            changes.delete(bench.simulation.instance, (Kind.DOCUMENT, gone))
            bench.control.failure = KafkaUnavailable("t.control cannot be read")
            await bench.take(gone)
            await bench.until(lambda: bench.stage.waits_for, advance_s=1)
            assert bench.stage.waits_for == "t.control cannot be read"
            await bench.take(there)
            bench.control.failure = None
            await bench.until(lambda: len(bench.acknowledged) == 2, advance_s=1)

            assert {(s.code, s.deleted) for s in bench.snapshots} == {(there, False), (gone, True)}

    run(scenario())


def test_a_record_that_cannot_be_read_is_set_aside() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await bench.stage.take(bench.inbox.receive(b"?"))
            await bench.stage.take(bench.inbox.receive(None))  # compacted away

            assert bench.acknowledged == [0, 1]
            (letter,) = bench.publisher.of(TOPICS.dead_letters)
            assert (letter.value, letter.headers["reason"]) == (b"?", b"malformed_record")

    run(scenario())


def test_a_resource_that_cannot_be_read_is_set_aside_and_takes_no_other_along() -> None:
    async def scenario() -> None:
        async with open_bench(behaviour=Behaviour(id_filter=False)) as bench:
            good, poison, *others = bench.codes(4)
            fault = Fault(status=400, path=f"/documents/{poison}")
            bench.simulation.faults.set(FaultKind.STATUS, fault)
            await fetch(bench, poison, good, *others)

            assert {s.code for s in bench.snapshots} == {good, *others}
            (letter,) = bench.publisher.of(TOPICS.dead_letters)
            assert DueRecord.parse(letter.value or b"").code == poison
            assert letter.headers["reason"] == b"pim_answer_unusable"

    run(scenario())


def test_a_pim_that_has_just_become_well_costs_no_resource() -> None:
    async def scenario() -> None:
        async with open_bench(behaviour=Behaviour(id_filter=False)) as bench:
            good, unlucky = bench.codes(2)
            await fetch(bench, good)
            fault = Fault(status=400, path=f"/documents/{unlucky}", times=2)
            bench.simulation.faults.set(FaultKind.STATUS, fault)
            await fetch(bench, unlucky)

            assert [s.code for s in bench.snapshots] == [good, unlucky]
            assert bench.publisher.of(TOPICS.dead_letters) == []

    run(scenario())


def test_a_snapshot_that_no_topic_takes_is_set_aside() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            bench.publisher.refused[TOPICS.snapshots] = RecordTooLarge("too large")
            await fetch(bench, code)

            assert bench.snapshots == []
            (letter,) = bench.publisher.of(TOPICS.dead_letters)
            assert letter.headers["reason"] == b"record_too_large"

    run(scenario())
