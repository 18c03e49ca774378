"""Due records in, snapshots out, against a simulated PIM."""

import pytest

from pim.kinds import Kind
from simulator.behaviour import Behaviour
from tests.streams.pim import EPOCH, HOLD_S, TOPICS, fetch, open_bench, run
from tests.streams.publishers import settle
from topics.due import Lane
from topics.notifications import to_key_bytes
from topics.partitions import to_partition
from topics.versions import to_version


def test_a_snapshot_holds_the_resource_and_what_its_fetch_covers() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            partition = to_partition(to_key_bytes(code), 12)
            bench.ends.ends[partition] = 77
            await fetch(bench, code, uuids=("u",), notifications=3, notified_s=1.0, newest_s=2.0)

            (snapshot,) = bench.snapshots
            assert (snapshot.key, snapshot.deleted) == (f"document:{code}", False)
            assert snapshot.version == to_version(EPOCH, 77)
            assert (snapshot.partition, snapshot.lane) == (partition, "live")
            assert (snapshot.uuids, snapshot.notifications) == (("u",), 3)
            assert (snapshot.notified_s, snapshot.newest_s) == (1.0, 2.0)
            assert snapshot.resource["id"] == code
            (record,) = bench.publisher.of(TOPICS.snapshots)
            assert record.key == f"document:{code}".encode()

    run(scenario())


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_fetched(kind: Kind) -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1, kind)
            await fetch(bench, code, kind=kind)

            assert [(s.kind, s.resource["id"]) for s in bench.snapshots] == [(kind, code)]

    run(scenario())


def test_many_resources_share_one_request() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await fetch(bench, bench.codes(1)[0])  # finds out whether packs work
            before = bench.simulation.ledger.endpoints.total()
            await fetch(bench, *bench.codes(20))
            completions = bench.requests - before - 1

            assert {s.code for s in bench.snapshots} == set(bench.codes(20))
            assert completions < 20  # of lists that are cut at 100, in the seeded catalog

    run(scenario())


def test_where_the_filter_is_ignored_each_is_asked_for_alone() -> None:
    async def scenario() -> None:
        async with open_bench(behaviour=Behaviour(id_filter=False)) as bench:
            await fetch(bench, *bench.codes(5))

            assert [s.resource["id"] for s in bench.snapshots] == [s.code for s in bench.snapshots]
            assert {s.code for s in bench.snapshots} == set(bench.codes(5))
            assert bench.publisher.of(TOPICS.dead_letters) == []

    run(scenario())


def test_packs_that_stop_working_are_given_up() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await fetch(bench, bench.codes(1)[0])
            bench.simulation.instance.behaviour = Behaviour(id_filter=False)
            await fetch(bench, *bench.codes(5))

            assert {s.code for s in bench.snapshots} == set(bench.codes(5))
            assert bench.publisher.of(TOPICS.dead_letters) == []

    run(scenario())


def test_a_record_that_alone_says_that_a_resource_is_new_is_acknowledged_with_the_last() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            await bench.take(code, offset=0, created=True)
            for offset in (1, 2):
                await bench.take(code, offset=offset)
            assert bench.acknowledged == [1]
            await bench.until(lambda: len(bench.acknowledged) == 3, advance_s=0.05)

            assert sorted(bench.acknowledged) == [0, 1, 2]

    run(scenario())


def test_records_of_one_resource_are_acknowledged_once_each() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            (code,) = bench.codes(1)
            for offset in range(4):
                await bench.take(code, offset=offset, uuids=(str(offset),))
            await bench.until(lambda: len(bench.acknowledged) == 4, advance_s=0.05)
            await settle()

            assert bench.acknowledged == [0, 1, 2, 3]
            (snapshot,) = bench.snapshots
            assert (snapshot.notifications, snapshot.uuids) == (4, ("0", "1", "2", "3"))

    run(scenario())


def test_what_comes_during_a_fetch_is_fetched_after_it() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await fetch(bench, bench.codes(2)[1])
            (code,) = bench.codes(1)
            for offset in range(10):
                await bench.take(code, offset=offset)
                await bench.until(lambda: True, advance_s=0.05)
                await settle()
            await bench.until(lambda: len(bench.acknowledged) == 11, advance_s=0.05)

            assert sorted(bench.acknowledged) == list(range(11))
            versions = [s.version for s in bench.snapshots if s.code == code]
            assert versions == sorted(versions)
            assert sum(s.notifications for s in bench.snapshots if s.code == code) == 10

    run(scenario())


def test_early_records_wait_for_the_quiet_period_when_the_quota_is_short() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            first, second = bench.codes(2)
            await fetch(bench, first, early=True)
            bench.use_quota(0.3)  # half of it is used from the start, since nothing is known
            taken_s = bench.clock()
            await bench.take(second, early=True)
            await bench.until(lambda: len(bench.acknowledged) == 2, advance_s=0.05)

            assert bench.clock() - taken_s >= HOLD_S

    run(scenario())


def test_a_live_edit_does_not_wait_behind_a_bulk() -> None:
    async def scenario() -> None:
        async with open_bench(batch_max=1) as bench:
            *bulk, live = bench.codes(20)
            for offset, code in enumerate(bulk):
                await bench.take(code, offset=offset, lane=Lane.PROCESS)
            await bench.take(live, offset=50)
            await bench.until(lambda: len(bench.acknowledged) == 20, advance_s=0.2)

            assert live in [s.code for s in bench.snapshots[:8]]

    run(scenario())


def test_after_partitions_moved_nothing_held_is_fetched() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await bench.take(bench.codes(1)[0], lane=Lane.PROCESS)
            bench.stage.drop()
            bench.clock.advance(60)
            await bench.until(lambda: True)
            await settle()

            assert (len(bench.stage), bench.requests, bench.acknowledged) == (0, 0, [])

    run(scenario())


def test_draining_finishes_what_is_being_fetched() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await fetch(bench, bench.codes(1)[0])
            await bench.take(bench.codes(2)[1])
            requests = bench.requests
            await bench.until(lambda: bench.requests > requests, advance_s=0.05)
            await bench.stage.drain()

            assert len(bench.acknowledged) == 2

    run(scenario())
