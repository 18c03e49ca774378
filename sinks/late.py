"""
Late snapshots: stale by the index's word, and perhaps the last of their key in the log.

A paused worker that wakes up may append a snapshot after a newer one of the same resource. The
index refuses it, but the compacted topic would keep just this one, and a rebuild would bring it
back. So a stale snapshot is acknowledged only once a newer one of its key has been seen behind it
in the log; where none comes up to the log's end, as it was, the resource is looked at again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PATIENCE_S: Final = 30.0
"""The end of a compacted log may be a gap: nothing more is waited for after this."""


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """A stale snapshot; *end* is where its partition ended when the index refused it."""

    key: str
    partition: int
    offset: int
    end: int
    since_s: float
    acknowledge: Callable[[], object]


class LateSnapshots:
    """Waits for what follows in the log, with time passed in. Memory: one entry per late one."""

    def __init__(self) -> None:
        self._late: dict[tuple[int, str], Late] = {}
        self._positions: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._late)

    def watch(self, late: Late) -> Late | None:
        """Wait for a newer one; an earlier late one of the same key is followed by this: return it."""
        place = (late.partition, late.key)
        earlier = self._late.pop(place, None)
        self._late[place] = late
        return earlier

    def passed(self, partition: int, offset: int, key: str) -> Late | None:
        """Note that a record was taken; return the late one that it follows."""
        self._positions[partition] = offset + 1
        late = self._late.get((partition, key))
        if late is None or offset <= late.offset:
            return None
        return self._late.pop((partition, key))

    def pop_unfollowed(self, now_s: float) -> list[Late]:
        """Remove and return those that nothing followed up to the end."""
        found = [
            (place, late)
            for place, late in self._late.items()
            if self._positions.get(late.partition, 0) >= late.end
            or now_s - late.since_s >= PATIENCE_S
        ]
        for place, _ in found:
            del self._late[place]
        return [late for _, late in found]

    def clear(self) -> None:
        """Forget everything: the records are delivered again."""
        self._late.clear()
        self._positions.clear()
