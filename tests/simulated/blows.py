"""What goes wrong in a simulated run, each blow as a coroutine that ends when it is over."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tests.simulated.assembly import TOPICS
from tests.simulated.group import SESSION_S
from tests.simulated.pim import Moods
from tests.simulated.plan import DOCUMENTS, Blow, Fault
from tests.simulated.worker import Worker

if TYPE_CHECKING:  # it strikes what is made there
    from tests.simulated.world import World

WORKERS_MAX: Final = 3
_HEARTBEAT_S: Final = (0.5, 3.0)
_CATCH_TRIES: Final = 500
_CATCH_EVERY_S: Final = 0.01
_NOTICED_S: Final = (1.0, 30.0)

Strike = Callable[["World", Fault], Awaitable[None]]


async def strike(world: "World", fault: Fault) -> None:
    """Let a blow fall."""
    await _STRIKES.get(fault.blow, trouble_the_pim)(world, fault)


def _choose(world: "World", fault: Fault) -> Worker | None:
    return world.workers[fault.rank % len(world.workers)] if world.workers else None


async def kill(world: "World", fault: Fault) -> None:
    """SIGKILL."""
    if (worker := _choose(world, fault)) is not None:
        worker.kill()


async def leave(world: "World", fault: Fault) -> None:
    """SIGTERM."""
    if (worker := _choose(world, fault)) is not None:
        worker.leave()


async def join(world: "World", fault: Fault) -> None:  # noqa: ARG001  # as any other blow
    """Start one more."""
    if len(world.workers) < WORKERS_MAX:
        world.start_worker()


async def jump(world: "World", fault: Fault) -> None:
    """Set the clock of one machine."""
    if (worker := _choose(world, fault)) is not None:
        worker.skew_s += fault.seconds


async def pause(world: "World", fault: Fault) -> None:
    """Let a worker hang; after its session it is a zombie, and comes back once it notices."""
    if (worker := _choose(world, fault)) is None:
        return
    if fault.rank % 2:
        worker = await _catch_appending(world) or worker
    worker.line.open.clear()
    await asyncio.sleep(min(fault.seconds, SESSION_S))
    member = worker.member
    if fault.seconds <= SESSION_S or member is None:
        worker.line.open.set()
        return
    world.group.leave(member)
    await asyncio.sleep(fault.seconds - SESSION_S)
    world.counts["zombies"] += 1
    worker.line.open.set()
    await asyncio.sleep(world.random.uniform(*_HEARTBEAT_S))
    if not member.gone.is_set() and not worker.line.is_dead:
        await member.revoke()
        if not member.gone.is_set():
            world.group.join(member)


async def _catch_appending(world: "World") -> Worker | None:
    """Return a worker with a snapshot on its way to the log, if there is one within a while."""
    for _ in range(_CATCH_TRIES):
        for worker in world.workers:
            if worker.line.appending[TOPICS.snapshots]:
                return worker
        await asyncio.sleep(_CATCH_EVERY_S)
    return None


async def stop_kafka(world: "World", fault: Fault) -> None:
    """No broker answers; the ingress spools."""
    world.log.fail()
    world.group.is_down = True
    await asyncio.sleep(fault.seconds)
    world.group.is_down = False
    world.log.recover()


async def stop_cluster(world: "World", fault: Fault) -> None:
    """No node of Elasticsearch answers."""
    world.cluster.is_down = True
    await asyncio.sleep(fault.seconds)
    world.cluster.is_down = False


async def busy_cluster(world: "World", fault: Fault) -> None:
    """Elasticsearch refuses some documents of each bulk."""
    world.is_busy = True
    await asyncio.sleep(fault.seconds)
    world.is_busy = False


async def compact(world: "World", fault: Fault) -> None:  # noqa: ARG001  # as any other blow
    """Leave gaps."""
    for topic in (TOPICS.due, TOPICS.snapshots):
        for partition in world.log.topics[topic]:
            partition.compact()


async def raise_partitions(world: "World", fault: Fault) -> None:  # noqa: ARG001  # as any other
    """Give `notifications` one more partition; some keys move."""
    partitions = len(world.log.topics[TOPICS.notifications]) + 1
    world.log.create(TOPICS.notifications, partitions)
    world.group.partitions[TOPICS.notifications] = partitions
    await asyncio.sleep(world.random.uniform(*_NOTICED_S))
    world.group.refresh()


async def trouble_the_pim(world: "World", fault: Fault) -> None:
    """Let the PIM be unwell for a while."""
    moods, healthy = world.pim.moods, Moods()
    moods_of: Mapping[Blow, Mapping[str, Any]] = {
        Blow.PIM_503: {"status": 503},
        Blow.PIM_SILENT: {"silent": True},
        Blow.PIM_SLOW: {"slow_s": 5.0},
        Blow.PIM_DENIES_ALL: {"denied": None},
        Blow.PIM_DENIES_ONE: {"denied": frozenset({f"doc-{fault.rank % DOCUMENTS:02}"})},
        Blow.PIM_LAGS: {"lag_s": 0.5 + fault.rank % 10},
    }
    changed = moods_of[fault.blow]
    for name, value in changed.items():
        setattr(moods, name, value)
    await asyncio.sleep(fault.seconds)
    for name in changed:
        setattr(moods, name, getattr(healthy, name))
    if fault.blow is Blow.PIM_LAGS:
        await world.traffic.edit_what_lagged()


_STRIKES: Final[Mapping[Blow, Strike]] = {
    Blow.KILL: kill,
    Blow.LEAVE: leave,
    Blow.JOIN: join,
    Blow.PAUSE: pause,
    Blow.CLOCK: jump,
    Blow.KAFKA: stop_kafka,
    Blow.CLUSTER: stop_cluster,
    Blow.CLUSTER_BUSY: busy_cluster,
    Blow.COMPACTION: compact,
    Blow.PARTITIONS: raise_partitions,
}
