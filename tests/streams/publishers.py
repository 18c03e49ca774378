"""Publishers that do not answer at once."""

import asyncio
from collections.abc import Mapping

from topics.memory import MemoryPublisher


class WaitingPublisher(MemoryPublisher):
    """Keeps every append waiting until *open* is set, as a publisher does without brokers."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.waiting = 0
        self.waiting_max = 0

    async def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> int:
        """Append once it is open."""
        self.waiting += 1
        self.waiting_max = max(self.waiting, self.waiting_max)
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1
        return await super().append(
            topic, key=key, value=value, headers=headers, partition=partition
        )


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)
