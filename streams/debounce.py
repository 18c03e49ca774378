"""
Debounce and coalesce, without I/O: when is a resource due, and what is known of it by then.

A resource is due once it was quiet for the quiet period, at most the maximum delay after its first
pending notification. A lone edit is due after a short lead, as an *early* record; the
notifications of a process wait longer, and until the process ends at most.
"""

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from pim.notifications import Notification
from runtime.clock import Clock
from streams.kept import Kept, Said
from topics.due import UUIDS_MAX, Lane

PROCESS_QUIET_S: Final = 10.0
PROCESS_DELAY_MAX_S: Final = 120.0
ROOM_SHARE: Final = 0.1
"""Which part of a full buffer is due at once."""
QUEUE_SLACK: Final = 1_000
"""How many places of keys that have gone the queue holds, beside as many as there are keys."""

Receipt = TypeVar("Receipt")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a resource waits, in seconds."""

    lead_s: float
    quiet_s: float
    delay_max_s: float
    process_quiet_s: float = PROCESS_QUIET_S
    process_delay_max_s: float = PROCESS_DELAY_MAX_S

    def __post_init__(self) -> None:
        assert 0 < self.lead_s <= self.quiet_s <= self.delay_max_s
        assert 0 < self.process_quiet_s <= self.process_delay_max_s


@dataclass(slots=True)
class Pending(Generic[Receipt]):
    """What waits for one resource."""

    newest: Notification
    said: Said  # by the newest notification
    receipt: Receipt  # of it: to acknowledge once passed on
    first_s: float  # append times, unix seconds; the first is never after it was taken
    newest_s: float
    due_s: float
    lane: Lane
    early: bool
    process_id: str | None
    ours: bool = True  # none of the notifications is the PIM's own
    delete: bool = False  # the PIM's newest, or one of ours since, says that the resource is gone
    created: bool = False  # one of the notifications says that the resource is new
    kept: Kept[Receipt] = field(default_factory=Kept)
    changed_s: float | None = None  # when the PIM made the newest of its own
    moved: bool = False  # others lie in another partition than the newest
    queued_s: float = 0.0  # which of its places in the queue counts
    count: int = 1
    uuids: list[str] = field(default_factory=list)
    traces: list[bytes] = field(default_factory=list)
    locales: dict[str, tuple[float, float]] = field(default_factory=dict)


class DebounceBuffer(Generic[Receipt]):
    """
    Pending notifications, one entry per resource key.

    With *keys_max* keys the oldest tenth is due at once, to make room. The clock is the wall's,
    since it is compared with the times at which Kafka stored the notifications; where the broker's
    is ahead of it, a notification counts as stored now.
    """

    def __init__(self, timing: Timing, *, keys_max: int, clock: Clock) -> None:
        self._timing, self._keys_max, self._clock = timing, keys_max, clock
        self._pending: dict[str, Pending[Receipt]] = {}  # oldest key first
        self._queue: list[tuple[float, str]] = []  # a heap: when to look at a key again
        self._passed_on: dict[str, float] = {}  # when a key was last due, oldest first
        self._ended: dict[str, float] = {}  # processes that ended, oldest first

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, key: str) -> bool:
        return key in self._pending

    @property
    def is_full(self) -> bool:
        """Whether the next flush must pass something on to make room."""
        return len(self._pending) >= self._keys_max

    @property
    def next_due_s(self) -> float | None:
        """When to look for due entries next; None: nothing waits."""
        return self._queue[0][0] if self._queue else None

    def add(
        self,
        notification: Notification,
        receipt: Receipt,
        *,
        appended_s: float,
        partition: int = 0,
        not_before_s: float | None = None,
        is_ours: bool = False,
        trace: bytes | None = None,
    ) -> list[Receipt]:
        """
        Coalesce *notification* into its key's entry and restart the quiet period.

        *appended_s* is when Kafka stored the record, so that a rebalance restarts nothing. An
        entry that waits already does not wait for *not_before_s* too. What *is_ours* and not the
        PIM's says nothing of when the resource changed, nor that it is not gone.
        Returns the receipts that it supersedes, which may be acknowledged at once.
        """
        now_s, key = self._clock(), notification.key
        said = Said(notification.is_create, notification.is_delete, is_ours, partition)
        superseded: list[Receipt] = []
        entry = self._pending.get(key)
        if entry is None:
            entry = self._to_entry(
                notification,
                said,
                receipt,
                appended_s=appended_s,
                not_before_s=not_before_s,
                now_s=now_s,
            )
            self._pending[key] = entry
            self._enqueue(key, entry)
        else:
            entry.moved |= partition != entry.said.partition
            superseded = entry.kept.supersede(entry.receipt, entry.said, said)
            self._coalesce(entry, notification, receipt, appended_s, now_s)
        _note(entry, said, notification.created_s)
        if len(entry.uuids) < UUIDS_MAX:
            entry.uuids.append(notification.uuid)
        if trace is not None and len(entry.traces) < UUIDS_MAX:
            entry.traces.append(trace)
        for locale in notification.locales:
            first_s, _ = entry.locales.get(locale, (appended_s, appended_s))
            entry.locales[locale] = (first_s, appended_s)
        return superseded

    def end_process(self, process_id: str) -> None:
        """Let go of what waits for a process; what still comes of it waits only briefly."""
        now_s = self._clock()
        self._ended.pop(process_id, None)
        self._ended[process_id] = now_s
        for key, entry in self._pending.items():
            if entry.process_id == process_id:
                self._advance(key, entry, min(entry.due_s, now_s + self._timing.lead_s))

    def pop_due(self) -> list[Pending[Receipt]]:
        """Remove and return the due entries, and the oldest of what is too many."""
        now_s = self._clock()
        excess = 0
        if self.is_full:
            room = max(1, int(self._keys_max * ROOM_SHARE))
            excess = len(self._pending) - self._keys_max + room
        due = [self._pop(key, now_s) for key in list(itertools.islice(self._pending, excess))]
        while self._queue and self._queue[0][0] <= now_s:
            queued_s, key = heapq.heappop(self._queue)
            entry = self._pending.get(key)
            if entry is None or entry.queued_s != queued_s:
                continue  # the key has gone, or another place of it counts
            if entry.due_s <= now_s:
                due.append(self._pop(key, now_s))
            else:  # the quiet period was restarted meanwhile
                self._enqueue(key, entry)
        self._forget(now_s)
        return due

    def pop_all(self) -> list[Pending[Receipt]]:
        """Remove and return everything, due or not."""
        now_s = self._clock()
        return [self._pop(key, now_s) for key in list(self._pending)]

    def clear(self) -> None:
        """Forget everything that waits: the records will be delivered again."""
        self._pending.clear()
        self._queue.clear()

    def _to_entry(
        self,
        notification: Notification,
        said: Said,
        receipt: Receipt,
        *,
        appended_s: float,
        not_before_s: float | None,
        now_s: float,
    ) -> Pending[Receipt]:
        lane = Lane.LIVE if notification.process_id is None else Lane.PROCESS
        idle = not self._is_recent(notification.key, now_s)
        entry = Pending(
            newest=notification,
            said=said,
            receipt=receipt,
            first_s=min(appended_s, now_s),
            newest_s=appended_s,
            due_s=now_s + self._timing.lead_s,
            lane=lane,
            early=idle and lane is Lane.LIVE and not_before_s is None,
            process_id=notification.process_id,
        )
        if not entry.early:
            entry.due_s = max(self._to_due_s(entry, now_s), not_before_s or 0)
        return entry

    def _coalesce(
        self,
        entry: Pending[Receipt],
        notification: Notification,
        receipt: Receipt,
        appended_s: float,
        now_s: float,
    ) -> None:
        entry.count += 1
        entry.newest, entry.receipt = notification, receipt
        entry.newest_s = max(entry.newest_s, appended_s)
        if notification.process_id is None:
            entry.lane, entry.process_id = Lane.LIVE, None
        elif entry.lane is Lane.PROCESS:
            entry.process_id = notification.process_id
        if not entry.early:  # an early one is about to go: duplicates do not hold it up
            self._advance(notification.key, entry, self._to_due_s(entry, now_s))

    def _advance(self, key: str, entry: Pending[Receipt], due_s: float) -> None:
        entry.due_s = due_s
        if due_s < entry.queued_s:  # the queue would look too late
            self._enqueue(key, entry)

    def _enqueue(self, key: str, entry: Pending[Receipt]) -> None:
        entry.queued_s = entry.due_s
        heapq.heappush(self._queue, (entry.due_s, key))

    def _to_due_s(self, entry: Pending[Receipt], now_s: float) -> float:
        timing = self._timing
        if entry.lane is Lane.LIVE:
            return min(now_s + timing.quiet_s, entry.first_s + timing.delay_max_s)
        quiet_s = timing.lead_s if entry.process_id in self._ended else timing.process_quiet_s
        return min(now_s + quiet_s, entry.first_s + timing.process_delay_max_s)

    def _is_recent(self, key: str, now_s: float) -> bool:
        passed_on_s = self._passed_on.get(key)
        return passed_on_s is not None and now_s - passed_on_s < self._timing.delay_max_s

    def _pop(self, key: str, now_s: float) -> Pending[Receipt]:
        self._passed_on.pop(key, None)
        self._passed_on[key] = now_s
        return self._pending.pop(key)

    def _forget(self, now_s: float) -> None:
        excess = len(self._passed_on) - self._keys_max
        for key in list(itertools.islice(self._passed_on, max(0, excess))):
            del self._passed_on[key]
        _drop_older(self._passed_on, now_s - self._timing.delay_max_s)
        _drop_older(self._ended, now_s - self._timing.process_delay_max_s)
        if len(self._queue) > 2 * len(self._pending) + QUEUE_SLACK:
            self._queue = [(entry.queued_s, key) for key, entry in self._pending.items()]
            heapq.heapify(self._queue)


def _note(entry: Pending[Receipt], said: Said, created_s: float | None) -> None:
    """Note what the newest notification says, which the PIM made at *created_s*."""
    entry.said = said
    entry.created |= said.new
    entry.ours &= said.ours
    if said.gone or not said.ours:
        entry.delete = said.gone
    if created_s is not None and not said.ours:
        entry.changed_s = max(created_s, entry.changed_s or created_s)


def _drop_older(moments: dict[str, float], limit_s: float) -> None:
    """Drop the entries before *limit_s*; *moments* is in the order of time."""
    # All at once: to look for the first key again and again would take quadratic time.
    for key in list(itertools.takewhile(lambda key: moments[key] <= limit_s, moments)):
        del moments[key]
