"""
Which committed offset the group may resume from. Without I/O.

A committed offset carries the id of its topic as metadata: one of a topic that was deleted and
created anew counts as none. For `snapshots` the index keeps how far it has come too: restored from
an older copy, it has come less far than the group remembers, and the lower of the two counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OffsetTrust:
    """Judges committed offsets; *topic_ids* are those of the topics as they are now."""

    topic_ids: Mapping[str, str] = field(default_factory=dict)

    def to_metadata(self, topic: str) -> str:
        """Return what is committed beside an offset of *topic*."""
        return self.topic_ids.get(topic, "")

    def to_start(
        self, topic: str, *, committed: int | None, metadata: str, indexed: int | None
    ) -> int | None:
        """
        Return the offset to resume from, or None for the beginning.

        *indexed* is how far the index says it has come in this partition, if it says so.
        """
        if committed is None or (metadata and metadata != self.to_metadata(topic)):
            return None
        return committed if indexed is None else min(committed, indexed)
