"""
Runs scenarios side by side: each mostly waits, for sessions to expire and for watchdogs.

A test that is a coroutine function is a scenario. All that were chosen start with the first, a few
at a time; each test then waits for its own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

from stack.choose import Servers
from stack.local import LocalStack
from tests.faults.runs import Run, open_run

SIDE_BY_SIDE: Final = 4
THREADS_MAX: Final = 32
"""
Most of them wait, for a log or for a command; Python gives a machine of two cores only six, for
which all scenarios would have to wait in turn.
"""


class Lab:
    """Hands out servers: shared ones, and a stack that one scenario at a time may stop."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.servers, self.folder = servers, folder
        self.seconds: dict[str, float] = {}
        self.said: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._executor = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="lab")
        self._loop.set_default_executor(self._executor)
        self._thread = Thread(target=self._loop.run_forever, name="lab", daemon=True)
        self._thread.start()
        self._slots = asyncio.Semaphore(SIDE_BY_SIDE)
        self._stopping = asyncio.Lock()
        self._local: LocalStack | None = None
        self._futures: dict[str, Future[None]] = {}

    def start(self, scenarios: Mapping[str, Coroutine[Any, Any, None]]) -> None:
        """Start scenarios, as many at a time as the machine can bear."""
        for name, scenario in scenarios.items():
            self._futures[name] = asyncio.run_coroutine_threadsafe(
                self._limited(name, scenario), self._loop
            )

    def wait(self, name: str) -> None:
        """Wait for a scenario; raises what it has raised."""
        self._futures[name].result()

    def say(self, line: str) -> None:
        """Keep a line for the end of the run."""
        self.said.append(line)

    def close(self) -> None:
        """End what still runs, and the stack."""
        for future in self._futures.values():
            future.cancel()
        ended = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        ended.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._executor.shutdown(cancel_futures=True)
        self._loop.close()

    def open_run(self, label: str, **options: Any) -> AbstractAsyncContextManager[Run]:
        """Return an installation of its own on the shared servers."""
        return open_run(
            self.servers.kafka, self.servers.elasticsearch, self.folder, label=label, **options
        )

    @asynccontextmanager
    async def own_stack(self) -> AsyncIterator[LocalStack]:
        """Yield servers that may be stopped; one scenario at a time has them."""
        async with self._stopping:
            if self._local is None:
                local = LocalStack()
                await asyncio.to_thread(local.start)
                self._local = local  # one that did not start is nobody's
            yield self._local

    async def _limited(self, name: str, scenario: Coroutine[Any, Any, None]) -> None:
        async with self._slots:
            started_s = time.monotonic()
            try:
                await scenario
            finally:
                self.seconds[name] = time.monotonic() - started_s

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._local is not None:
            await asyncio.to_thread(self._local.stop)
