"""Runs a worker until it is told to stop, or until something goes wrong that no retry mends."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, cast

from runtime.last_resort import exit_after
from runtime.logs import get_logger
from streams.app import Stages
from streams.safe_consumer import PipelineApp

DRAIN_MAX_S: Final = 20.0
STOP_MAX_S: Final = 30.0
FAILED_STOP_MAX_S: Final = 10.0
"""After a failure nothing is drained: what was not acknowledged is delivered again."""

log = get_logger(__name__)


class Worker:
    """One process of the pipeline: the Faust app, and the stages' own tasks beside it."""

    def __init__(
        self,
        app: PipelineApp,
        stages: Stages,
        watches: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        self._app, self._stages, self._watches = app, stages, watches
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        app.on_before_shutdown.connect(cast(Any, self._drain))

    async def run(self) -> None:
        """
        Work until SIGTERM or SIGINT.

        Raises:
            Exception: what ended the worker; nothing that it held is lost.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)
        tasks = [self._supervise(stage.run()) for stage in self._stages]
        tasks += [self._supervise(watch()) for watch in (*self._watches, self._watch_app)]
        starting = asyncio.create_task(self._app.start())
        try:
            if await self._started(starting):
                log.info("worker.started")
                await self._stopping.wait()
        finally:
            failed = self._failure is not None
            deadline = exit_after(FAILED_STOP_MAX_S if failed else STOP_MAX_S)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self._app.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            deadline.cancel()
        if self._failure is not None:
            raise self._failure
        log.info("worker.stopped")

    def stop(self) -> None:
        """Drain, commit, leave the group."""
        self._stopping.set()

    async def _started(self, starting: asyncio.Task[Any]) -> bool:
        """Whether the app has started; it is not, until its group has let it in once."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if starting.done():
            starting.result()
        return starting.done()

    def _supervise(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A stage's task that fails ends the worker: nothing was acknowledged, so it is replayed."""
        task = asyncio.get_running_loop().create_task(work)

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (failure := task.exception()) is not None:
                self._fail(failure)

        task.add_done_callback(ended)
        return task

    async def _watch_app(self) -> None:
        await self._app.wait_until_stopped()
        if not self._stopping.is_set():
            reason = self._app.crash_reason
            self._fail(reason or RuntimeError("Faust stopped by itself"))

    def _fail(self, failure: BaseException) -> None:
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        if self._failure is None:
            self._failure = failure
            log.critical("worker.failed", error=str(failure) or repr(failure))
        self.stop()

    async def _drain(self, _app: Any, **_: Any) -> None:
        """Still in the group: what is acknowledged here is committed."""
        if self._failure is not None:
            return
        try:
            async with asyncio.timeout(DRAIN_MAX_S), asyncio.TaskGroup() as group:
                for stage in self._stages:
                    group.create_task(stage.drain())
        except TimeoutError:
            log.warning("drain.timed_out", within_s=DRAIN_MAX_S)
