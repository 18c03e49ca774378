"""Which resources are asked for next, together, and when: the fetch stage's queue and its turns."""

from typing import Final

from streams.asking import Asker
from streams.fetch_queue import FetchQueue
from streams.packing import PackFill
from streams.quota_gate import QuotaGate
from streams.settling import Entry
from topics.due import DueRecord, Lane
from topics.records import Received

SHORT_RATIO: Final = 0.7
"""Beyond this used part of a quota window, early records wait for their quiet period too."""
TRY_DENIED_S: Final = 10.0
"""How often one resource is asked for again while the PIM denies everything."""
LIVE_MORE: Final = 1
"""Packs of live edits that may be under way beside those of the other lanes."""


class Chooser:
    """Forms packs of what is due, the most urgent lane first, without waiting itself."""

    def __init__(self, asker: Asker, gate: QuotaGate, *, hold_s: float) -> None:
        self.queue: FetchQueue[Received] = FetchQueue()
        self._asker, self._gate, self._hold_s = asker, gate, hold_s
        self._fill = PackFill()
        self._recoveries = self._count_recoveries()
        self._tried_s = 0.0

    def add(self, record: DueRecord, received: Received, now_s: float) -> list[Received]:
        """Queue a due record; return the receipts that it supersedes."""
        is_held = record.early and self._gate.used_ratio > SHORT_RATIO
        self._fill.note(record.lane, now_s)
        return self.queue.add(
            record, received, now_s=now_s, held_until_s=now_s + self._hold_s if is_held else 0.0
        )

    def let_go(self, now_s: float) -> None:
        """Make ready whose time has come, and what only waited for a PIM that is well again."""
        self.queue.release(now_s)
        if self._recoveries != (recoveries := self._count_recoveries()):
            self._recoveries = recoveries
            self.queue.let_go(now_s)
        elif self.queue.first() is None and self._should_try(now_s):
            self._tried_s = now_s
            self.queue.let_go(now_s, keys_max=1)  # one, to see whether the PIM is well again

    def wait_s(self, first: Entry | None, now_s: float) -> float | None:
        """Return how long a pack should go on to fill; None: until something comes."""
        if first is None:
            release_s = self.queue.next_release_s()
            wait_s = None if release_s is None else max(0.001, release_s - now_s)
            trying_s = self._trying_s(now_s)
            return wait_s if wait_s is None or trying_s == 0 else min(wait_s, trying_s)
        if self.queue.count_with(first) >= self._asker.pack_max:
            return 0.0
        return max(0.0, first.added_s + self._fill.seconds(first.record.lane, now_s) - now_s)

    def _count_recoveries(self) -> int:
        return self._gate.pacing.recoveries + self._asker.recoveries

    def _should_try(self, now_s: float) -> bool:
        denied_long = self._asker.denies_all and now_s >= self._tried_s + TRY_DENIED_S
        return denied_long or self._gate.pacing.is_trying

    def _trying_s(self, now_s: float) -> float:
        """Return in how long one is let go to try the PIM; 0: that is for others to say."""
        if self._asker.denies_all:
            return max(0.001, self._tried_s + TRY_DENIED_S - now_s)
        return self._gate.pacing.wait_s()

    def may_start(self, lane: Lane, *, under_way: int) -> bool:
        """Whether one more pack of *lane* may be asked for, beside those that are."""
        more = LIVE_MORE if lane is Lane.LIVE else 0
        return under_way < self._gate.pacing.concurrency + more and self._gate.is_free(lane)

    def take_pack(self, first: Entry) -> list[Entry]:
        """Take *first*, and what may share its request."""
        chosen = {first.record.code: first}
        if self._asker.pack_max > 1:
            for waiting in self.queue.waiting_with(first):
                chosen[waiting.record.code] = waiting
                if len(chosen) >= self._asker.pack_max:
                    break
            codes = self._asker.to_pack(first.record.kind, list(chosen))
            chosen = {code: chosen[code] for code in codes}
        entries = list(chosen.values())
        self.queue.take(entries)
        return entries
