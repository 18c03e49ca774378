"""
Patches that bring a worker into a situation, for `python -m tests.faults.mutant`.

None of them is a bug: they shorten what takes long, and stop, block or break something at a moment
that the test chooses by making the file that QUINDEX_FAULT_FILE names.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError

from ops import parts, pipeline
from pim.client import PimClient
from runtime import points
from sinks.indexer import Indexer
from sinks.tombstones import Purger
from streams import app, missing

FILE: Final = "QUINDEX_FAULT_FILE"
STOP_AT: Final = "QUINDEX_FAULT_STOP_AT"

SOON_S: Final = 2.0
PURGED_AFTER_S: Final = 3.0


def swap(owner: object, name: str, new: object) -> Any:
    """Put *new* in the place of an attribute; return what was there."""
    original = getattr(owner, name)
    setattr(owner, name, new)
    return original


def is_asked() -> bool:
    """Whether the test has made the file."""
    return Path(os.environ[FILE]).exists()


def stop_at_point() -> None:
    """
    SIGSTOP at the point that QUINDEX_FAULT_STOP_AT names: a zombie once its session is over.

    Takes the file away, so that one process stops, once.
    """
    original = points.reach

    def reach(point: str) -> None:
        original(point)
        if point == os.environ[STOP_AT] and is_asked():
            Path(os.environ[FILE]).unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGSTOP)

    for module in list(sys.modules.values()):
        if getattr(module, "reach", None) is original:
            swap(module, "reach", reach)


def look_again_soon() -> None:
    """The second look at a 404 comes after 2 s, not after 30."""
    swap(missing, "LOOK_AGAIN_S", SOON_S)


def give_up_soon() -> None:
    """A request to the PIM has 2 s, not 30."""
    swap(pipeline, "PimClient", partial(PimClient, timeout_s=SOON_S))
    swap(pipeline, "TIMEOUT_S", SOON_S)


def purge_soon() -> None:
    """Tombstones are purged after 3 s, not after 7 days, and looked for every second."""
    swap(parts, "PURGE_EVERY_S", 1.0)
    swap(parts, "Purger", partial(Purger, kept_s=PURGED_AFTER_S))


def commit_rarely() -> None:
    """Only the last commit happens, and those at a rebalance."""
    swap(app, "_COMMIT_INTERVAL_S", 3_600.0)


def block_an_agent() -> None:
    """The index stage takes a record and never goes on."""

    async def hang(self: Indexer, received: Any) -> None:
        if is_asked():
            await asyncio.Event().wait()
        await original(self, received)

    original = swap(Indexer, "take", hang)


def block_the_loop() -> None:
    """The event loop does not turn any more."""

    async def sleep(self: Indexer, received: Any) -> None:
        if is_asked():
            time.sleep(600)  # noqa: ASYNC251  # that is the fault
        await original(self, received)

    original = swap(Indexer, "take", sleep)


def break_the_coordinator() -> None:
    """The group coordinator's task ends by an error while nobody but us would ask for it."""

    async def fail(self: Any) -> bool:
        if not is_asked():
            return bool(await original(self))
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(GroupAuthorizationFailedError("a test"))
        self._coordination_task.cancel()
        self._coordination_task = failed
        return False

    original = swap(GroupCoordinator, "_do_heartbeat", fail)


def lose_the_coordinator() -> None:
    """Nothing comes through to the group's coordinator, as when its connection alone is cut."""

    async def send(self: GroupCoordinator, request: Any) -> Any:
        while is_asked():  # noqa: ASYNC110  # the test is another process
            await asyncio.sleep(0.1)
        return await original(self, request)

    original = swap(GroupCoordinator, "_send_req", send)


PATCHES: Final[Mapping[str, Callable[[], None]]] = {
    "stop-at-point": stop_at_point,
    "look-again-soon": look_again_soon,
    "give-up-soon": give_up_soon,
    "purge-soon": purge_soon,
    "commit-rarely": commit_rarely,
    "block-an-agent": block_an_agent,
    "block-the-loop": block_the_loop,
    "break-the-coordinator": break_the_coordinator,
    "lose-the-coordinator": lose_the_coordinator,
}
