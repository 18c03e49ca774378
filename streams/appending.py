"""Many records on their way to Kafka, some at a time."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

APPENDS_MAX: Final = 500
"""How many records of one stage, or command, are on their way to Kafka at once."""

Item = TypeVar("Item")


async def append_all(
    items: Sequence[Item], append: Callable[[Item], Coroutine[Any, Any, None]]
) -> None:
    """Append each of *items*, the next part only once the part before it is stored."""
    for start in range(0, len(items), APPENDS_MAX):
        async with asyncio.TaskGroup() as group:
            for item in items[start : start + APPENDS_MAX]:
                group.create_task(append(item))
