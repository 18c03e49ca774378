"""
What waits to be fetched: merged by key, lane by lane, oldest first. Without I/O.

A key is in one of four places: *ready* in its lane, *held* until a moment, *blocked* behind a
fetch of the same key, or *busy* being fetched. Fetches of one key never overlap, so that the
snapshots of a resource are appended in the order of their versions.
"""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from pim.kinds import Kind
from streams.kept import Kept, Said
from topics.due import DueRecord, Lane

Receipt = TypeVar("Receipt")

_LANES: Final = tuple(Lane)


@dataclass(slots=True)
class Waiting(Generic[Receipt]):
    """A resource to fetch, and whom to tell once its snapshot is stored."""

    record: DueRecord
    receipt: Receipt
    added_s: float
    held_until_s: float = 0.0
    said: Said | None = None  # by the newest of those merged; None: there is one only
    kept: Kept[Receipt] = field(default_factory=Kept)
    attempts: int = 0
    unusable: int = 0  # answers, while others could be read
    missing_since_s: float | None = None  # the first 404 without a delete notification
    denials: int = 0  # 404s that were not believed
    unproven: int = 0  # of these, after a while, and still nothing proves them
    alone: bool = False  # not in a pack: its last one could not be read
    is_postponed: bool = False  # since the PIM did not answer, or denied everything

    @property
    def key(self) -> str:
        """kind:code."""
        return self.record.key

    def postpone(self) -> None:
        """Note that the PIM is unwell: it waits, whatever comes for it, until the PIM is well."""
        self.attempts += 1
        self.is_postponed = True

    def coalesce(self, newer: DueRecord, receipt: Receipt, *, held_until_s: float) -> list[Receipt]:
        """Merge with a record that was appended later; return the receipts that it supersedes."""
        said = _to_said(newer)
        superseded = self.kept.supersede(self.receipt, self.said or _to_said(self.record), said)
        self.receipt, self.said = receipt, said
        self.record = self.record.merge(newer)
        self.missing_since_s = None  # that 404 says nothing of what changed since
        if self.attempts == 0:  # else the PIM is unwell: it is left alone for now
            self.held_until_s = min(self.held_until_s, held_until_s)
        return superseded

    def take_over(self, newer: "Waiting[Receipt]") -> list[Receipt]:
        """Merge with what waited behind this one; return the receipts that are superseded."""
        held_until_s = newer.held_until_s
        superseded = self.coalesce(newer.record, newer.receipt, held_until_s=held_until_s)
        self.said = newer.said or _to_said(newer.record)
        return superseded + self.kept.take_over(newer.kept, self.said)


def _to_said(record: DueRecord) -> Said:
    return Said(record.created, record.delete, record.ours, record.partition, record.moved)


@dataclass
class _Lines(Generic[Receipt]):
    """One lane: a line per kind, oldest first."""

    by_kind: dict[Kind, dict[str, Waiting[Receipt]]] = field(
        default_factory=lambda: {kind: {} for kind in Kind}
    )

    def __len__(self) -> int:
        return sum(len(line) for line in self.by_kind.values())

    def oldest(self) -> Waiting[Receipt] | None:
        heads = [next(iter(line.values())) for line in self.by_kind.values() if line]
        return min(heads, key=lambda waiting: waiting.added_s, default=None)


class FetchQueue(Generic[Receipt]):
    """Due records on their way to the PIM."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, _Lines[Receipt]] = {lane: _Lines() for lane in Lane}
        self._held: dict[str, Waiting[Receipt]] = {}
        self._timers: list[tuple[float, str]] = []  # a heap over _held
        self._busy: dict[str, Waiting[Receipt]] = {}
        self._blocked: dict[str, Waiting[Receipt]] = {}

    def __len__(self) -> int:
        ready = sum(len(lane) for lane in self._lanes.values())
        return ready + len(self._held) + len(self._blocked) + len(self._busy)

    def sizes(self) -> dict[Lane, int]:
        """Return how many keys are ready in each lane."""
        return {lane: len(lines) for lane, lines in self._lanes.items()}

    def add(
        self, record: DueRecord, receipt: Receipt, *, now_s: float, held_until_s: float = 0.0
    ) -> list[Receipt]:
        """
        Add a due record, coalesced with what waits under its key.

        Until *held_until_s* it only coalesces. Returns the receipts that it supersedes, which may
        be acknowledged at once.
        """
        place = self._place_of(record.key)
        if place is None:
            self._put(Waiting(record, receipt, now_s, held_until_s), now_s)
            return []
        waiting = place[record.key]
        held_before_s = waiting.held_until_s
        superseded = waiting.coalesce(record, receipt, held_until_s=held_until_s)
        if self._choose(waiting, now_s) is not place:  # else it keeps its turn
            del place[record.key]
            self._put(waiting, now_s)
        elif place is self._held and waiting.held_until_s < held_before_s:
            self._put(waiting, now_s)
        return superseded

    def put_back(
        self, waiting: Waiting[Receipt], *, now_s: float, held_until_s: float
    ) -> list[Receipt]:
        """
        Let a busy key wait again, until *held_until_s*.

        What came for it meanwhile is newer: merged, it supersedes the receipts that are returned.
        """
        if self._busy.get(waiting.key) is not waiting:
            return []  # dropped meanwhile
        del self._busy[waiting.key]
        newer = self._blocked.pop(waiting.key, None)
        waiting.held_until_s = held_until_s
        superseded = [] if newer is None else waiting.take_over(newer)
        self._put(waiting, now_s)
        return superseded

    def done(self, waiting: Waiting[Receipt], *, now_s: float) -> None:
        """Note that a busy key was fetched; what came for it meanwhile may go."""
        if self._busy.get(waiting.key) is not waiting:
            return  # dropped meanwhile
        del self._busy[waiting.key]
        if (blocked := self._blocked.pop(waiting.key, None)) is not None:
            self._put(blocked, now_s)

    def release(self, now_s: float) -> None:
        """Make ready what was held until now."""
        while self._timers and self._timers[0][0] <= now_s:
            _, key = heapq.heappop(self._timers)
            waiting = self._held.get(key)
            if waiting is not None and waiting.held_until_s <= now_s:
                del self._held[key]
                self._put(waiting, now_s)

    def let_go(self, now_s: float, *, keys_max: int | None = None) -> None:
        """Make ready what was postponed, the soonest first: the PIM answers again."""
        postponed = [waiting for waiting in self._held.values() if waiting.is_postponed]
        for waiting in heapq.nsmallest(
            keys_max or len(postponed), postponed, key=lambda each: each.held_until_s
        ):
            waiting.held_until_s, waiting.is_postponed = now_s, False
            if keys_max is None:
                waiting.attempts, waiting.alone = 0, False
            del self._held[waiting.key]
            self._put(waiting, now_s)

    def first(self) -> Waiting[Receipt] | None:
        """Return what should be fetched next: the oldest of the most urgent lane."""
        for lane in _LANES:
            if (oldest := self._lanes[lane].oldest()) is not None:
                return oldest
        return None

    def first_of(self, lane: Lane) -> Waiting[Receipt] | None:
        """Return the oldest that is ready in *lane*."""
        return self._lanes[lane].oldest()

    def next_release_s(self) -> float | None:
        """Return when `release` has something to do next."""
        return self._timers[0][0] if self._timers else None

    def waiting_with(self, first: Waiting[Receipt]) -> Iterator[Waiting[Receipt]]:
        """Yield what may share a request with *first*, itself first, more urgent lanes first."""
        yield first
        if first.alone:
            return
        for lane in _LANES:
            for waiting in self._lanes[lane].by_kind[first.record.kind].values():
                if waiting is not first and not waiting.alone:
                    yield waiting

    def count_with(self, first: Waiting[Receipt]) -> int:
        """Return how many are ready of the kind of *first*, in all lanes."""
        return sum(len(lane.by_kind[first.record.kind]) for lane in self._lanes.values())

    def take(self, chosen: list[Waiting[Receipt]]) -> None:
        """Mark ready entries as busy."""
        for waiting in chosen:
            line = self._lanes[waiting.record.lane].by_kind[waiting.record.kind]
            taken = line.pop(waiting.key)
            assert taken is waiting
            self._busy[waiting.key] = waiting

    def clear(self) -> None:
        """Forget everything: the records will be delivered again, here or elsewhere."""
        for lines in self._lanes.values():
            for line in lines.by_kind.values():
                line.clear()
        for place in (self._held, self._busy, self._blocked):
            place.clear()
        self._timers.clear()

    def _place_of(self, key: str) -> dict[str, Waiting[Receipt]] | None:
        """Return where a key waits; one that is only busy does not wait."""
        lines = (line for lane in self._lanes.values() for line in lane.by_kind.values())
        places = itertools.chain((self._held, self._blocked), lines)
        return next((place for place in places if key in place), None)

    def _choose(self, waiting: Waiting[Receipt], now_s: float) -> dict[str, Waiting[Receipt]]:
        if waiting.key in self._busy:
            return self._blocked
        if waiting.held_until_s > now_s:
            return self._held
        return self._lanes[waiting.record.lane].by_kind[waiting.record.kind]

    def _put(self, waiting: Waiting[Receipt], now_s: float) -> None:
        place = self._choose(waiting, now_s)
        place[waiting.key] = waiting
        if place is self._held:
            heapq.heappush(self._timers, (waiting.held_until_s, waiting.key))
