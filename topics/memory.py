"""A publisher that keeps its records in memory; passes the contract of the real one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from topics.partitions import to_partition


@dataclass(frozen=True, slots=True)
class Appended:
    """A record as it was appended."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    partition: int


@dataclass
class MemoryPublisher:
    """Appends to a list; every topic has *partitions* partitions. *failure* is raised while set."""

    partitions: int = 12
    records: list[Appended] = field(default_factory=list)
    failure: Exception | None = None

    async def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> int:
        """Append, or raise *failure*."""
        if self.failure is not None:
            raise self.failure
        chosen = to_partition(key or b"", self.partitions) if partition is None else partition
        offset = sum(r.topic == topic and r.partition == chosen for r in self.records)
        self.records.append(Appended(topic, key, value, dict(headers or {}), chosen))
        return offset

    def of(self, topic: str) -> list[Appended]:
        """Return what was appended to *topic*, oldest first."""
        return [record for record in self.records if record.topic == topic]
