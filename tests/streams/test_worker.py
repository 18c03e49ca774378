"""A worker that has not been let into its group yet can be stopped, and can fail."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from streams.app import Stages
from streams.worker import Worker


class _Signal:
    def connect(self, _handler: Any) -> None:
        pass


class StartingApp:
    """An app whose group does not let it in."""

    on_before_shutdown = _Signal()
    crash_reason = None
    is_stopped = False

    async def start(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.is_stopped = True

    async def wait_until_stopped(self) -> None:
        await asyncio.Event().wait()


class IdleStage:
    """A stage with nothing to do."""

    async def run(self) -> None:
        await asyncio.Event().wait()


async def run(app: StartingApp, *watches: Callable[[], Coroutine[Any, Any, None]]) -> Worker:
    stages: Any = IdleStage()
    worker = Worker(app, Stages(stages, stages, stages), watches)  # type: ignore[arg-type]  # all that it asks of one
    if not watches:
        asyncio.get_running_loop().call_later(0.05, worker.stop)
    async with asyncio.timeout(30):
        await worker.run()
    return worker


def test_a_worker_that_is_still_starting_can_be_stopped() -> None:
    app = StartingApp()
    asyncio.run(run(app))

    assert app.is_stopped


def test_a_worker_that_is_still_starting_ends_when_something_fails() -> None:
    async def give_up() -> None:
        raise ValueError("the coordinator gave up")

    app = StartingApp()
    with pytest.raises(ValueError, match="gave up"):
        asyncio.run(run(app, give_up))
    assert app.is_stopped
