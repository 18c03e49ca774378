"""
Search documents waiting to be written, and the batches that are made of them.

A batch is due once it is full, by count or bytes, or its oldest document has waited long enough.
Of one search document, never two writes are in batches at once: what waits is merged with what
comes after it, and what is being written holds its successor back.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from runtime.clock import Clock
from sinks.writes import Write

DOCUMENTS_MAX: Final = 500
BYTES_MAX: Final = 5 * 1024 * 1024
WAIT_S: Final = 0.1
HELD_DOCUMENTS_MAX: Final = 4_000
HELD_BYTES_MAX: Final = 32 * 1024 * 1024
DOCUMENTS_MIN: Final = 10
"""A batch shrinks no further."""

Receipt = TypeVar("Receipt")


@dataclass(slots=True, eq=False)
class Entry(Generic[Receipt]):
    """One write, with the receipts of the records that it settles, oldest first."""

    write: Write
    receipts: list[Receipt]
    since_s: float
    size_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.size_bytes = self.write.size_bytes


class BatchFormer(Generic[Receipt]):
    """Holds writes in the order of their age, and one batch's worth of them is taken at a time."""

    def __init__(
        self,
        *,
        clock: Clock,
        documents_max: int = DOCUMENTS_MAX,
        bytes_max: int = BYTES_MAX,
        wait_s: float = WAIT_S,
        held_documents_max: int = HELD_DOCUMENTS_MAX,
        held_bytes_max: int = HELD_BYTES_MAX,
    ) -> None:
        assert 0 < documents_max <= held_documents_max
        assert 0 < bytes_max <= held_bytes_max
        self._clock = clock
        self._documents_max, self._bytes_max, self._wait_s = documents_max, bytes_max, wait_s
        self._held_documents_max, self._held_bytes_max = held_documents_max, held_bytes_max
        self._limit = documents_max
        self._waiting: dict[tuple[str, str], deque[Entry[Receipt]]] = {}  # oldest key first
        self._in_flight: dict[tuple[str, str], Entry[Receipt]] = {}
        self._waiting_documents = 0
        self._waiting_bytes = 0
        self._in_flight_bytes = 0

    def __len__(self) -> int:
        return self._waiting_documents + len(self._in_flight)

    @property
    def waiting(self) -> int:
        """How many writes are in no batch yet."""
        return self._waiting_documents

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be added; a record that is being added may be completed."""
        return (
            len(self) >= self._held_documents_max
            or self._waiting_bytes + self._in_flight_bytes >= self._held_bytes_max
        )

    @property
    def limit(self) -> int:
        """How many documents a batch holds at present."""
        return self._limit

    def add(self, write: Write, receipt: Receipt) -> None:
        """Hold a write; it replaces a waiting one of the same document that is not newer."""
        self._append(Entry(write, [receipt], self._clock()))

    def take(self, *, now: bool = False) -> list[Entry[Receipt]]:
        """Return the next batch if it is due, or whatever can be written, if *now*; else []."""
        if not now and self.due_in_s() != 0:
            return []
        batch: list[Entry[Receipt]] = []
        size_bytes = 0
        for entry in self._free():
            if batch and size_bytes + entry.size_bytes > self._bytes_max:
                break
            batch.append(entry)
            size_bytes += entry.size_bytes
            if len(batch) >= self._limit:
                break
        for entry in batch:
            self._remove(entry)
            self._in_flight[entry.write.key] = entry
        self._in_flight_bytes += size_bytes
        return batch

    def due_in_s(self) -> float | None:
        """Return the seconds until a batch is due; None: only once something changes."""
        oldest = next(self._free(), None)
        if oldest is None:
            return None
        # What is in flight holds back at most one batch's worth for each bulk: counting it too
        # makes a batch due a little early, and saves counting again and again.
        if self._waiting_documents >= self._limit or self._waiting_bytes >= self._bytes_max:
            return 0.0
        return max(0.0, oldest.since_s + self._wait_s - self._clock())

    def settle(self, entries: Sequence[Entry[Receipt]]) -> None:
        """These have been answered for good: let go of them."""
        for entry in entries:
            del self._in_flight[entry.write.key]
            self._in_flight_bytes -= entry.size_bytes

    def give_back(self, entries: Sequence[Entry[Receipt]]) -> None:
        """These are to be written again, before everything else of their document."""
        self.settle(entries)
        for entry in entries:
            if entry.receipts:  # else forgotten meanwhile
                self._prepend(entry)

    def shrink(self, documents: int) -> None:
        """Make batches of at most so many documents, until `grow`."""
        self._limit = max(min(DOCUMENTS_MIN, self._documents_max), min(documents, self._limit))

    def grow(self) -> None:
        """Let batches become larger again, by a tenth of the full size."""
        self._limit = min(self._documents_max, self._limit + max(1, self._documents_max // 10))

    def drop(self) -> None:
        """Forget all that waits, and the receipts of what is being written."""
        self._waiting.clear()
        self._waiting_documents = self._waiting_bytes = 0
        for entry in self._in_flight.values():
            entry.receipts.clear()

    def _free(self) -> Iterator[Entry[Receipt]]:
        """Yield what may be written: nothing of a document that is being written."""
        for key, entries in self._waiting.items():
            if key not in self._in_flight:
                yield entries[0]

    def _append(self, entry: Entry[Receipt]) -> None:
        entries = self._waiting.setdefault(entry.write.key, deque())
        if entries and entries[-1].write.version <= entry.write.version:
            older = entries.pop()
            self._count(older, -1)
            entry.receipts[:0] = older.receipts
            entry.since_s = older.since_s
        entries.append(entry)
        self._count(entry, +1)

    def _prepend(self, entry: Entry[Receipt]) -> None:
        entries = self._waiting.setdefault(entry.write.key, deque())
        if entries and entry.write.version <= entries[0].write.version:
            entries[0].receipts[:0] = entry.receipts
            entries[0].since_s = entry.since_s
            return
        entries.appendleft(entry)
        self._count(entry, +1)

    def _remove(self, entry: Entry[Receipt]) -> None:
        key = entry.write.key
        entries = self._waiting.pop(key)
        entries.popleft()
        if entries:
            self._waiting[key] = entries  # behind all others: it is held back now
        self._count(entry, -1)

    def _count(self, entry: Entry[Receipt], sign: int) -> None:
        self._waiting_documents += sign
        self._waiting_bytes += sign * entry.size_bytes
