"""One process's connections: slow, blocked while it is paused, dead once it was killed."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Final

_USUAL_S: Final = 0.02
_SLOW_S: Final = 2.0
_SLOW_SHARE: Final = 0.02


@dataclass
class Line:
    """What every port of one worker passes on its way out and back."""

    random: Random
    open: asyncio.Event = field(default_factory=asyncio.Event)
    is_dead: bool = False
    appending: Counter[str] = field(default_factory=Counter)  # by topic: not stored yet

    def __post_init__(self) -> None:
        self.open.set()

    def delay_s(self) -> float:
        """Draw how long one way takes."""
        longest_s = _SLOW_S if self.random.random() < _SLOW_SHARE else _USUAL_S
        return self.random.uniform(0.001, longest_s)

    async def send(self) -> None:
        """Be on the way out; who is paused gets no further, who is dead never does."""
        await asyncio.sleep(self.delay_s())
        await self._pass()

    async def receive(self) -> None:
        """Be on the way back."""
        await asyncio.sleep(self.delay_s())
        await self._pass()

    async def _pass(self) -> None:
        await self.open.wait()
        if self.is_dead:
            await asyncio.Event().wait()

    def kill(self) -> None:
        """Let nothing pass any more."""
        self.is_dead = True
        self.open.set()
