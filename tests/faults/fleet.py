"""The workers of an installation under a supervisor, which starts again what has died."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from ops.installation import READY_WITHIN_S, Installation
from runtime.errors import OperatorError
from stack.child import Child, to_environment

EXIT_KILLED: Final = 256 - signal.SIGKILL
EXIT_WATCHDOG: Final = 70
EXIT_UNREACHABLE: Final = 4
RESTART_AFTER_S: Final = 0.3
_POLL_S: Final = 0.1


@dataclass
class Fleet:
    """
    Workers by the order in which they joined; what ends with another code than planned is kept.

    *may_exit* are the codes that a supervisor is used to: a kill, and our own watchdog. *wrapper*
    is the module that runs the workers, with its arguments, if it is another than the product's.
    """

    installation: Installation
    may_exit: Collection[int] = (EXIT_KILLED, EXIT_WATCHDOG)
    wrapper: tuple[str, ...] = ()
    workers: list[Child] = field(default_factory=list)
    exits: list[tuple[str, int]] = field(default_factory=list)
    unplanned: list[str] = field(default_factory=list)
    _since: dict[str, int] = field(default_factory=dict)  # where a worker's present log begins
    _leaving: set[str] = field(default_factory=set)
    _watcher: asyncio.Task[None] | None = None

    def start_worker(
        self,
        *wrapper: str,
        environment: Mapping[str, str] | None = None,
        once: Mapping[str, str] | None = None,
    ) -> Child:
        """
        Start one more worker.

        *wrapper* is for this one, in place of the fleet's; *once* is added to its environment until
        it has died.
        """
        installation = self.installation
        name = f"worker-{len(installation.workers) + 1}"
        worker = Child(
            name,
            [sys.executable, "-m", *(wrapper or self.wrapper or ("ops",)), "worker"],
            environment={
                **to_environment(os.environ),
                **installation.variables,
                **(environment or {}),
            },
            log=installation.folder / f"{name}.log",
        )
        self._start(worker, once)
        installation.workers.append(worker)
        self.workers.append(worker)
        return worker

    async def ready(self, *workers: Child) -> None:
        """Wait until workers say that they have started."""
        for worker in workers or tuple(self.workers):
            since = self._since[worker.name]
            await asyncio.to_thread(
                worker.wait_for_log, "worker.started", READY_WITHIN_S, since=since
            )

    async def leave(self, worker: Child) -> int | None:
        """Stop a worker by SIGTERM, for good, once it has started."""
        self._leaving.add(worker.name)
        self.workers.remove(worker)
        with contextlib.suppress(OperatorError):  # it has ended
            await self.ready(worker)
        code = await asyncio.to_thread(worker.stop)
        if code is not None:
            self._note(worker, code, may_exit=(0, *self.may_exit))
        return code

    async def kill(self, worker: Child) -> None:
        """Kill a worker; the supervisor starts another in its place."""
        await asyncio.to_thread(worker.kill)

    def count_exits(self, code: int) -> int:
        """Return how many workers have ended so."""
        return sum(each == code for _, each in self.exits)

    def count_logged(self, text: str) -> int:
        """Return how often a text stands in the logs of all workers."""
        logs = {worker.log for worker in self.installation.workers}
        return sum(log.read_bytes().count(text.encode()) for log in logs if log.exists())

    async def __aenter__(self) -> Self:
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._watcher is not None
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_POLL_S)
            for worker in list(self.workers):
                if not worker.is_running and worker.name not in self._leaving:
                    self._note(worker, worker.wait(0), may_exit=self.may_exit)
                    await asyncio.sleep(RESTART_AFTER_S)
                    self._start(worker)

    def _start(self, worker: Child, once: Mapping[str, str] | None = None) -> None:
        self._since[worker.name] = worker.log.stat().st_size if worker.log.exists() else 0
        worker.start(**(once or {}))

    def _note(self, worker: Child, code: int, *, may_exit: Collection[int]) -> None:
        self.exits.append((worker.name, code))
        if code not in may_exit:
            self.unplanned.append(f"{worker.name} ended with {code}\n{worker.log_tail()}")
