"""How far the partitions of a topic reach."""

from collections.abc import Mapping
from typing import Protocol


class EndOffsets(Protocol):
    """Knows how far each partition of one topic reaches."""

    async def read(self) -> Mapping[int, int]:
        """
        Return the end offset of every partition, as of now.

        Raises:
            KafkaUnavailable: the brokers do not answer.
        """
