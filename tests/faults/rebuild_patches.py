"""
Patches and planted bugs of a rebuild, for `python -m tests.faults.mutant NAME[,NAME...] rebuild`.

A hold says so on stderr, and ends when the test makes the file that QUINDEX_FAULT_FILE names.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from sinks.transfers import Phase, advance
from streams.rebuild import Rebuild
from streams.refill import Refill
from tests.faults.patches import is_asked, swap

HOLDING: Final = "holding"
_POLL_S: Final = 0.1


async def hold() -> None:
    """Wait for the test."""
    sys.stderr.write(f"{HOLDING}\n")
    sys.stderr.flush()
    while not is_asked():  # noqa: ASYNC110  # a file tells no event
        await asyncio.sleep(_POLL_S)


def hold_before_swap() -> None:
    """Everything is compared, nothing is noted: readers use the old indices."""

    async def held(self: Any, stored: Any) -> Any:
        await hold()
        return await original(self, stored)

    original = swap(Rebuild, "swap", held)


def hold_in_swap() -> None:
    """The swap is noted, the aliases are not moved yet."""

    async def held(self: Any, transfer: Any) -> None:
        await hold()
        await original(self, transfer)

    original = swap(Rebuild, "_swap", held)


def no_reading_on() -> None:
    """A rebuild is over with its swap: what was written to the old indices is not read again."""

    async def complete(self: Any, stored: Any) -> int:
        done = advance(stored.transfer, phase=Phase.DONE, beat_s=self.clock())
        await self._store(done, stored)
        return 0

    swap(Rebuild, "complete", complete)


def ends_before_fence() -> None:
    """What is read on to are the end offsets of before the swap and the fence."""
    known: dict[int, int] = {}

    async def note(self: Any, stored: Any) -> Any:
        async with self._reading(stored.transfer, self._all_partitions) as refill:
            known.update(await read_ends(refill))
        return await swap_now(self, stored)

    async def ends(self: Any) -> dict[int, int]:
        return dict(known) or dict(await read_ends(self))

    read_ends = swap(Refill, "ends", ends)
    swap_now = swap(Rebuild, "swap", note)


REBUILD_PATCHES: Final[Mapping[str, Callable[[], None]]] = {
    "hold-before-swap": hold_before_swap,
    "hold-in-swap": hold_in_swap,
    "no-reading-on": no_reading_on,
    "ends-before-fence": ends_before_fence,
}
