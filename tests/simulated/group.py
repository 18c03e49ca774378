"""The consumer group: who has which partition, in which generation, and what is committed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from faust.types import TP

SESSION_S: Final = 30.0
_REVOKED_WITHIN_S: Final = 60
_UNANSWERED_S: Final = 5.0


class Participant(Protocol):
    """A member as the group's coordinator sees it."""

    generation: int
    gone: asyncio.Event

    async def revoke(self) -> None:
        """Give back all partitions."""

    async def assign(self, partitions: set[TP], generation: int) -> None:
        """Begin with these partitions."""


@dataclass
class Group:
    """Eager rebalances, one at a time; *partitions* counts those of each topic."""

    partitions: dict[str, int]
    is_down: bool = False
    members: list[Participant] = field(default_factory=list)
    committed: dict[TP, tuple[int, str]] = field(default_factory=dict)
    generation: int = 0
    rebalances: int = 0
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Rebalance whenever somebody came or went, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._rebalance()

    def join(self, member: Participant) -> None:
        """Let a member in."""
        if member not in self.members:
            self.members.append(member)
        self._wanted.set()

    def leave(self, member: Participant) -> None:
        """Let a member go, or throw it out."""
        if member in self.members:
            self.members.remove(member)
            self._wanted.set()

    def refresh(self) -> None:
        """Rebalance: the number of partitions has changed."""
        self._wanted.set()

    def accepts(self, member: Participant) -> bool:
        """Whether a member's commits count."""
        is_current = member in self.members and member.generation == self.generation
        return is_current and not self.is_down

    async def commit(self, member: Participant, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        """Store, or refuse: of who is not a member any more, and while nothing answers."""
        if self.is_down:
            await asyncio.sleep(_UNANSWERED_S)
            return False
        if not self.accepts(member):
            return False
        self.committed.update(offsets)
        return True

    async def _rebalance(self) -> None:
        self.rebalances += 1
        members = list(self.members)
        if members:
            await asyncio.gather(*(self._revoke(member) for member in members))
        self.generation += 1
        present = [member for member in self.members if not member.gone.is_set()]
        for rank, member in enumerate(present):
            mine = {
                TP(topic, number)
                for topic, count in self.partitions.items()
                for number in range(count)
                if (number + self.generation) % len(present) == rank
            }
            await member.assign(mine, self.generation)

    async def _revoke(self, member: Participant) -> None:
        """Wait for a member to give back its partitions, as long as it is one."""
        revoking = asyncio.create_task(member.revoke())
        for _ in range(_REVOKED_WITHIN_S):
            if revoking.done() or member.gone.is_set() or member not in self.members:
                break
            await asyncio.wait({revoking}, timeout=1.0)
        if not revoking.done():
            revoking.cancel()
            if member in self.members:
                self.members.remove(member)
        await asyncio.gather(revoking, return_exceptions=True)
