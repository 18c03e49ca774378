"""An event loop whose time passes only while every task waits: a day in a second, no real sleep."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, cast

BEGIN_S = 1_000_000.0
_TICK_S = 1e-6

Result = TypeVar("Result")


class _Selector(selectors.DefaultSelector):
    now_s = BEGIN_S
    has_io = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:  # something is ready: nothing is asked of the system meanwhile
            return []
        found = super().select(0) if self.has_io else []
        if not found:
            assert timeout is not None, "every task waits for something that never comes"
            self.now_s += max(timeout, _TICK_S)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    asyncio.sleep, asyncio.timeout and call_later go by its own time.

    Without *has_io* the system is never asked: neither for sockets nor for what threads have done.
    """

    def __init__(self, *, has_io: bool = True) -> None:
        self._virtual = _Selector()
        self._virtual.has_io = has_io
        super().__init__(self._virtual)

    def time(self) -> float:
        """Return seconds; they begin at a moment that looks like unix time, a little."""
        return self._virtual.now_s

    def skip(self, seconds: float) -> None:
        """Move on at once, as for a process that was paused."""
        self._virtual.now_s += seconds


class VirtualClock:
    """The time of the virtual loop that runs."""

    def __call__(self) -> float:
        return asyncio.get_running_loop().time()

    def advance(self, seconds: float) -> None:
        """Move on at once."""
        cast(VirtualLoop, asyncio.get_running_loop()).skip(seconds)


async def until(
    condition: Callable[[], object], *, every_s: float, within_s: float = 3_600
) -> None:
    """Return once *condition* holds, looked at every so often of virtual time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(every_s)


def run_virtually(scenario: Coroutine[Any, Any, Result], *, has_io: bool = True) -> Result:
    """Run a coroutine on a loop of its own."""
    with asyncio.Runner(loop_factory=partial(VirtualLoop, has_io=has_io)) as runner:
        return runner.run(scenario)
