"""Scans against a simulated PIM: page by page, over crashes, outages, lies and what is too large."""

import asyncio

import pytest

from runtime.errors import KafkaUnavailable, MustRestart, RecordTooLarge
from simulator.faults import FaultKind
from streams.scan_patience import UNUSABLE_MAX_S
from streams.scan_queue import WAIT_MAX_S
from streams.scanner import to_cause, to_new_scan
from tests.streams.examples import Inbox
from tests.streams.pim import EPOCH, TOPICS, run
from tests.streams.scans import (
    VARIANTS,
    Scans,
    begin,
    codes_of,
    open_scans,
    set_fault,
    to_backfill,
)
from topics.scans import ScanPhase, ScanPurpose, ScanRecord, to_cancel_key
from topics.versions import to_version


def test_a_backfill_appends_every_resource_by_one_request_per_page() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            done = await scans.follow(to_backfill(scans.bench))

            assert done.phase is ScanPhase.DONE
            assert {shot.code for shot in scans.bench.snapshots} == codes_of(scans.bench)
            assert done.requests == -(-len(codes_of(scans.bench)) // 100) == scans.bench.requests
            assert scans.inbox.acknowledged == [
                0,
                1,
                2,
                3,
            ]  # the first, and the three that were stored

    run(scenario())


def test_a_scanner_that_dies_between_two_appends_reads_one_page_twice() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            begun = await begin(scans)
            scans.bench.publisher.refused[TOPICS.due] = KafkaUnavailable("gone")
            await scans.take(begun)
            await scans.bench.until(lambda: scans.bench.snapshots, advance_s=0.1)
            scans.bench.publisher.refused.clear()

            await scans.restart()
            done = await scans.follow(begun)
            assert done.phase is ScanPhase.DONE
            assert {shot.code for shot in scans.bench.snapshots} == codes_of(scans.bench)
            assert scans.bench.requests <= done.requests + 1

    run(scenario())


def test_a_page_that_stays_unusable_ends_the_scan_and_says_why() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            set_fault(scans.bench, FaultKind.STATUS, status=400)
            since_s = scans.bench.clock()
            done = await scans.follow(to_backfill(scans.bench))

            assert done.phase is ScanPhase.FAILED
            assert "page 1" in done.error
            assert "400" in done.error
            assert UNUSABLE_MAX_S <= scans.bench.clock() - since_s < 1.1 * UNUSABLE_MAX_S
            assert scans.bench.requests < 100
            assert not scans.scanner.is_active

    run(scenario())


def test_an_outage_of_the_pim_is_waited_for() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            set_fault(scans.bench, FaultKind.STATUS, status=503)
            following = asyncio.create_task(
                scans.follow(to_backfill(scans.bench), within_s=5 * UNUSABLE_MAX_S)
            )
            await asyncio.sleep(2 * UNUSABLE_MAX_S)
            assert not following.done()
            scans.bench.simulation.faults.clear()

            assert (await following).phase is ScanPhase.DONE

    run(scenario())


def test_a_bug_ends_its_scan_and_no_worker() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            scans.bench.publisher.refused[TOPICS.snapshots] = RuntimeError("a bug")
            done = await scans.follow(to_backfill(scans.bench))

            assert done.phase is ScanPhase.FAILED
            assert "a bug" in done.error
            assert not scans.running.done()

    run(scenario())


def test_a_scan_of_an_older_epoch_begins_anew() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            begun = await begin(scans)
            older = begun.model_copy(
                update={
                    "phase": ScanPhase.CLOSING,
                    "page": 9,
                    "resources": 800,
                    "markers": {0: to_version(EPOCH - 1, 100)},
                }
            )
            done = await scans.follow(older)

            assert done.phase is ScanPhase.DONE
            assert done.resources == len(codes_of(scans.bench))
            assert {shot.code for shot in scans.bench.snapshots} == codes_of(scans.bench)

    run(scenario())


@pytest.mark.parametrize("newer", [True, False])
def test_a_worker_of_an_older_epoch_ends_no_scan_but_itself(newer: bool) -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            begun = await begin(scans)
            if newer:
                markers = {0: to_version(EPOCH + 1, 0)}
                begun = begun.model_copy(update={"markers": markers})
            else:
                scans.surroundings.changed = "topic t.notifications was created anew"
                begun = begun.model_copy(update={"phase": ScanPhase.CLOSING})
            await scans.take(begun)
            await asyncio.wait({scans.running}, timeout=60)

            assert isinstance(scans.running.exception(), MustRestart)
            assert not any(record.is_over for record in scans.records)

    run(scenario())


def test_what_refuses_the_worker_ends_it() -> None:
    for error in (MustRestart("not the owner"), ExceptionGroup("", [MustRestart("the same")])):
        with pytest.raises(MustRestart):
            to_cause(error)


def test_while_others_use_the_quota_a_scan_pins_nothing_and_can_be_cancelled() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            scans.bench.use_quota(0.95)
            begun = await begin(scans)
            await scans.take(begun)
            await asyncio.sleep(3 * WAIT_MAX_S)
            assert scans.inbox.acknowledged == [0, 1]
            assert scans.records == [begun, begun]

            await scans.bench.publisher.append(
                TOPICS.control, key=to_cancel_key(begun.id), value=b"{}"
            )
            await scans.take(begun)
            await scans.bench.until(lambda: scans.records[-1].is_over, advance_s=1)
            assert scans.records[-1].phase is ScanPhase.CANCELLED
            assert scans.bench.requests == 0

    run(scenario())


def test_what_is_too_large_for_its_topic_is_a_dead_letter_and_the_scan_goes_on() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            scans.bench.publisher.refused[TOPICS.snapshots] = RecordTooLarge("8 MiB")
            done = await scans.follow(to_backfill(scans.bench))
            letters = scans.bench.publisher.of(TOPICS.dead_letters)

            assert done.phase is ScanPhase.DONE
            assert {(letter.key or b"").decode() for letter in letters} == {
                f"variant:{code}" for code in codes_of(scans.bench)
            }
            assert {letter.headers["reason"] for letter in letters} == {b"record_too_large"}

    run(scenario())


def test_a_cancelled_scan_stops_at_its_next_page() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            scan = to_backfill(scans.bench)
            await scans.bench.publisher.append(
                TOPICS.control, key=to_cancel_key(scan.id), value=b"{}"
            )
            done = await scans.follow(scan)

            assert done.phase is ScanPhase.CANCELLED
            assert scans.bench.requests == 0

    run(scenario())


def test_a_record_that_cannot_be_read_is_a_dead_letter() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            await scans.scanner.take(scans.inbox.receive(b"{", key=b"scan:x"))

            (letter,) = scans.bench.publisher.of(TOPICS.dead_letters)
            assert letter.headers["reason"] == b"malformed_record"
            assert scans.inbox.acknowledged == [0]

    run(scenario())


def test_an_empty_page_in_mid_scan_is_read_again_until_the_list_is_whole() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            begun = await begin(scans)
            half = begun.change(page=2, total=len(codes_of(scans.bench)))
            set_fault(scans.bench, FaultKind.EMPTY, times=1)
            done = await scans.follow(half)

            assert done.phase is ScanPhase.DONE
            assert {shot.code for shot in scans.bench.snapshots} == codes_of(scans.bench)

    run(scenario())


async def read_once(scans: Scans) -> list[ScanRecord]:
    """Let a scan come to its end; return its records, without the first, and start anew."""
    await scans.follow(to_backfill(scans.bench))
    records = scans.records
    scans.inbox = Inbox("t.due")
    await scans.restart()
    return records


@pytest.mark.parametrize("steps", [2, 5])
def test_steps_that_are_delivered_again_at_once_fork_no_scan(steps: int) -> None:
    async def scenario() -> None:
        async with open_scans(documents=400) as scans:
            records = await read_once(scans)
            pages, before = records[-1].requests, scans.bench.requests
            for each in records[: steps - 1]:
                await scans.take(each)
            done = await scans.follow(records[steps - 1])

            assert pages > steps
            assert done.phase is ScanPhase.DONE
            assert scans.bench.requests - before == pages - (steps - 1)
            assert [each.step for each in scans.records[len(records) :]] == [
                each.step for each in records[steps:]
            ]
            assert scans.is_all_acknowledged

    run(scenario())


def test_steps_that_come_while_an_older_one_is_read_cost_that_page_only() -> None:
    async def scenario() -> None:
        async with open_scans(documents=400) as scans:
            records = await read_once(scans)
            before = scans.bench.requests
            set_fault(scans.bench, FaultKind.LATENCY, seconds=1, times=1)
            await scans.take(records[0])
            await asyncio.sleep(0.5)
            for each in records[1:3]:
                await scans.take(each)
            await scans.follow(records[3])

            assert scans.bench.requests - before == records[-1].requests - 3 + 1
            assert len(scans.records) == len(records) + len(records[4:])
            assert scans.is_all_acknowledged

    run(scenario())


def test_what_lies_before_the_end_of_a_scan_is_not_read_again() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            records = await read_once(scans)
            before = scans.bench.requests
            for each in records:
                await scans.take(each)
            await asyncio.sleep(1)

            assert scans.bench.requests == before
            assert len(scans.records) == len(records)
            assert scans.is_all_acknowledged
            assert not scans.scanner.is_active

    run(scenario())


def test_a_record_that_comes_twice_is_held_once() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            set_fault(scans.bench, FaultKind.STATUS, status=503)
            begun = await begin(scans)
            await scans.take(begun)
            await asyncio.sleep(1)
            await scans.take(begun)
            assert scans.inbox.acknowledged == [0, 1]
            scans.bench.simulation.faults.clear()
            await scans.bench.until(lambda: len(scans.records) > 1, advance_s=0.1)

            assert scans.is_all_acknowledged

    run(scenario())


def test_a_scan_that_waits_for_its_budget_pins_nothing() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            asked = to_new_scan(
                ScanPurpose.RECONCILE,
                VARIANTS,
                now_s=scans.bench.clock(),
                since_s=None,
                asked_by="command",
            )
            waits = asked.model_copy(update={"page": 1, "requests": 100})  # all that a day has
            await scans.take(waits)
            await asyncio.sleep(1)
            assert scans.inbox.acknowledged == []
            await asyncio.sleep(2 * WAIT_MAX_S)
            assert scans.inbox.acknowledged == [0]
            assert scans.records == [waits]

            await scans.take(waits)
            await asyncio.sleep(1)
            assert scans.scanner.is_active
            assert scans.bench.requests == 0

    run(scenario())


def test_a_page_that_is_read_while_its_partition_goes_is_left_to_the_next_owner() -> None:
    async def scenario() -> None:
        async with open_scans() as scans:
            set_fault(scans.bench, FaultKind.LATENCY, seconds=1)
            begun = await begin(scans)
            await scans.take(begun)
            await asyncio.sleep(0.5)
            scans.scanner.drop()
            await asyncio.sleep(UNUSABLE_MAX_S)

            assert scans.bench.requests == 1
            assert scans.records == [begun]
            assert not scans.scanner.is_active

    run(scenario())
