"""Workers that are paused until the group has given their partitions to others."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from stack.child import Child
from tests.faults.patches import FILE, STOP_AT
from tests.faults.runs import Run, until

STOPS_WITHIN_S: Final = 60.0
_STOPPED: Final = "T"


def to_wrapper(*names: str) -> tuple[str, ...]:
    """Return the module that runs a worker with patches or mutants."""
    return ("tests.faults.mutant", ",".join(names))


def is_stopped(worker: Child) -> bool:
    """Whether a worker has been stopped by SIGSTOP."""
    try:
        state = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state == _STOPPED


@asynccontextmanager
async def stopped_at(run: Run, file: Path) -> AsyncIterator[Child]:
    """Let the worker that next comes to the point stop there; it goes on in the end."""
    file.touch()  # noqa: ASYNC240  # it takes no time
    try:
        await run.burst.edit(0)
        await until(
            lambda: any(map(is_stopped, run.fleet.workers)),
            within_s=STOPS_WITHIN_S,
            otherwise="no worker came to the point",
        )
        yield next(filter(is_stopped, run.fleet.workers))
    finally:
        file.unlink(missing_ok=True)  # noqa: ASYNC240  # as above
        for worker in run.fleet.workers:
            worker.signal(signal.SIGCONT)


def to_environment(point: str, file: Path) -> dict[str, str]:
    """Return what a worker needs to stop at *point* when *file* is there."""
    return {STOP_AT: point, FILE: str(file)}
