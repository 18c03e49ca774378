"""What every stage is, whatever feeds it: Faust in production, a test's loop elsewhere."""

from typing import Protocol

from topics.records import Received


class Stage(Protocol):
    """
    One step of a change's path.

    A stage holds records until their effect is durable, then acknowledges them. It forgets what it
    holds when partitions move: the records are delivered again, here or elsewhere, and an
    acknowledgement that comes after that counts for nothing.
    """

    @property
    def waits_for(self) -> str | None:
        """What keeps the stage from going on, in words for an operator; None: nothing."""

    async def take(self, received: Received) -> None:
        """Accept a record; returns late when the stage is full, so that less is consumed."""

    async def run(self) -> None:
        """
        Work until cancelled.

        Raises:
            QuindexError: something that no retry mends; the worker ends, nothing is lost.
        """

    def drop(self) -> None:
        """Forget everything held: partitions have moved."""

    async def drain(self) -> None:
        """Finish what is held, as far as it can be finished now: the worker is stopping."""
