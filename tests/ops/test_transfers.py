"""A command whose swap a worker completes: it waits for it, and has not failed."""

import asyncio
from collections.abc import Iterator

import pytest
from elasticsearch import AsyncElasticsearch

from ops.transfers import complete
from runtime.clock import Clock
from runtime.errors import Refused
from sinks.transfers import Phase, Stored, Transfer, advance, store_transfer
from stack.choose import Servers
from streams.rebuild import STOPPED_AFTER_S, WATCH_EVERY_S, Rebuild, is_going_on
from tests.sinks.cluster import Cluster, open_cluster
from topics.creation import TopicState
from topics.memory import MemoryPublisher

BEGAN_S = 1_700_000_000.0
SWAPPED = Transfer(
    kind="rebuild",
    phase=Phase.SWAPPED,
    number=2,
    target={"fr_FR": "t-fr_fr-000002"},
    previous={"fr_FR": "t-fr_fr-000001"},
    topic_id="a",
    noted={},
    began_s=BEGAN_S - 600,
    swapped_s=BEGAN_S,
    beat_s=BEGAN_S,
)


def test_a_swap_of_ours_goes_on_as_long_as_somebody_gives_signs_of_life() -> None:
    last_s = BEGAN_S + STOPPED_AFTER_S + WATCH_EVERY_S

    assert is_going_on(SWAPPED, SWAPPED, now_s=last_s - 1)
    assert is_going_on(SWAPPED, advance(SWAPPED, beat_s=last_s), now_s=last_s + 1)
    assert not is_going_on(SWAPPED, SWAPPED, now_s=last_s)


def test_what_is_not_our_swap_is_not_waited_for() -> None:
    for other in ({"phase": Phase.FILLING}, {"phase": Phase.DONE}, {"began_s": BEGAN_S}):
        assert not is_going_on(SWAPPED, advance(SWAPPED, **other), now_s=BEGAN_S)


@pytest.fixture
def cluster(servers: Servers) -> Iterator[Cluster]:
    with open_cluster(servers.elasticsearch) as opened:
        yield opened


async def swap_slowly(
    client: AsyncElasticsearch, cluster: Cluster, clock: Clock
) -> tuple[Rebuild, Stored, Stored]:
    """Swap, and be slow for so long that a worker takes over; return both states."""
    work = Rebuild(
        settings=cluster.settings,
        client=client,
        publisher=MemoryPublisher(),
        snapshots=TopicState("a", 12),
        committed=dict,
        types={},
        report=lambda _doing, _read, _left: None,
        clock=clock,
    )
    mine = await store_transfer(client, cluster.prefix, SWAPPED, seen=None)
    assert mine is not None
    taken = advance(SWAPPED, beat_s=BEGAN_S + STOPPED_AFTER_S)
    workers = await store_transfer(client, cluster.prefix, taken, seen=mine)
    assert workers is not None
    return work, mine, workers


@pytest.mark.stack
def test_a_worker_that_took_over_is_waited_for(cluster: Cluster) -> None:
    async def scenario(client: AsyncElasticsearch) -> int:
        looks, has_looked = iter(range(100)), asyncio.Event()

        def clock() -> float:
            if next(looks) > 1:  # two for a sign of life of its own, which is refused
                has_looked.set()
            return BEGAN_S + STOPPED_AFTER_S + 1

        work, mine, workers = await swap_slowly(client, cluster, clock)

        async def finish() -> None:
            await has_looked.wait()
            done = advance(workers.transfer, phase=Phase.DONE)
            assert await store_transfer(client, cluster.prefix, done, seen=workers) is not None

        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(finish())
            completing = group.create_task(complete(work, mine))
        return completing.result()

    assert cluster.run(scenario) == 0


@pytest.mark.stack
def test_a_worker_that_took_over_and_gives_no_sign_of_life_is_told(cluster: Cluster) -> None:
    async def scenario(client: AsyncElasticsearch) -> None:
        late_s = BEGAN_S + 2 * STOPPED_AFTER_S + WATCH_EVERY_S
        work, mine, _ = await swap_slowly(client, cluster, lambda: late_s)
        with pytest.raises(Refused, match="at work"):
            await complete(work, mine)

    cluster.run(scenario)


@pytest.mark.stack
def test_a_worker_that_does_not_come_to_its_end_is_not_waited_for_for_ever(
    cluster: Cluster,
) -> None:
    async def scenario(client: AsyncElasticsearch) -> None:
        soon_s = BEGAN_S + STOPPED_AFTER_S + 1
        work, mine, _ = await swap_slowly(client, cluster, lambda: soon_s)
        with pytest.raises(Refused, match="a worker that reads on has not come to its end"):
            await complete(work, mine, within_s=0)

    cluster.run(scenario)
