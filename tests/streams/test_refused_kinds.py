"""A token that may read some kinds only, and a filter that the PIM does not honour."""

import asyncio

import pytest

from pim.client import PROBE_AGAIN_S
from pim.kinds import Kind
from runtime.metrics import REGISTRY
from simulator.behaviour import Behaviour
from simulator.faults import Fault, FaultKind
from streams.asking import KIND_REFUSED_S
from streams.missing import LOOK_AGAIN_S
from tests.streams.pim import TOPICS, fetch, open_bench, run
from tests.virtual_time import until
from topics.due import Lane

HOUR_S = 3_600.0


def refused(kind: Kind) -> float | None:
    """Return what the metric says."""
    return REGISTRY.get_sample_value("quindex_pim_kind_refused", {"kind": kind.value})


@pytest.mark.parametrize("lane", [Lane.LIVE, Lane.PROCESS])
def test_a_token_that_may_not_read_one_kind_holds_up_no_other(lane: Lane) -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            bench.simulation.faults.set(FaultKind.STATUS, Fault(status=403, path="/assets"))
            assets = bench.codes(3, Kind.ASSET)
            for code in assets:
                await bench.take(code, kind=Kind.ASSET, lane=lane)
            documents = bench.codes(5)
            for code in documents:
                await bench.take(code, lane=lane)
            started_s = bench.clock()
            await bench.until(lambda: len(bench.acknowledged) == 5, advance_s=0.5)

            assert {snapshot.code for snapshot in bench.snapshots} == set(documents)
            assert bench.clock() - started_s < KIND_REFUSED_S
            assert {kind for kind in Kind if refused(kind)} == {Kind.ASSET}

            bench.simulation.faults.clear()
            await bench.until(lambda: len(bench.acknowledged) == 8, advance_s=1)
            assert {snapshot.code for snapshot in bench.snapshots} == {*documents, *assets}
            assert not refused(Kind.ASSET)

            bench.simulation.faults.set(FaultKind.STATUS, Fault(status=403, path="/assets"))
            await bench.take(assets[0], kind=Kind.ASSET, lane=lane)
            await bench.until(lambda: refused(Kind.ASSET), advance_s=1)
            bench.stage.drop()
            bench.gate.claim()
            assert not refused(Kind.ASSET)

    run(scenario())


def test_what_a_token_may_not_read_is_set_aside_in_the_end_and_costs_little() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            bench.simulation.faults.set(FaultKind.STATUS, Fault(status=403, path="/assets"))
            assets = bench.codes(20, Kind.ASSET)
            for code in assets:
                await bench.take(code, kind=Kind.ASSET)
            started_s = bench.clock()
            await until(
                lambda: len(bench.acknowledged) == len(assets), every_s=5, within_s=2 * HOUR_S
            )

            assert bench.clock() - started_s > HOUR_S
            letters = bench.publisher.of(TOPICS.dead_letters)
            assert {letter.headers["reason"] for letter in letters} == {b"pim_unauthorized"}
            assert bench.requests < 8 * HOUR_S / KIND_REFUSED_S  # and not for each of them

    run(scenario())


@pytest.mark.parametrize("announced", [True, False])
def test_a_code_that_only_a_path_can_tell_of_is_gone_only_if_the_pim_said_so(
    announced: bool,
) -> None:
    """A router may refuse a path for its dot: what lives must not be deleted for that."""

    async def scenario() -> None:
        async with open_bench(behaviour=Behaviour(id_filter=False)) as bench:
            await bench.take("ref.01", delete=announced)
            if announced:
                await bench.until(lambda: bench.acknowledged, advance_s=0.5)
                assert [snapshot.deleted for snapshot in bench.snapshots] == [True]
                return
            await asyncio.sleep(HOUR_S)
            looks = bench.requests

            assert bench.snapshots == []
            assert looks < HOUR_S / LOOK_AGAIN_S  # they become rarer
            bench.simulation.instance.behaviour = Behaviour()
            await bench.until(lambda: bench.acknowledged, advance_s=5)
            assert [snapshot.deleted for snapshot in bench.snapshots] == [True]

    run(scenario())


def test_packs_that_did_not_work_are_tried_again_after_a_while() -> None:
    async def scenario() -> None:
        async with open_bench(behaviour=Behaviour(id_filter=False)) as bench:
            await fetch(bench, bench.codes(1)[0])
            bench.simulation.instance.behaviour = Behaviour()
            await asyncio.sleep(PROBE_AGAIN_S)
            before = bench.requests
            await fetch(bench, *bench.codes(20))

            assert bench.requests - before < 20

    run(scenario())
