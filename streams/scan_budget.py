"""What comparing scans may take of the PIM's daily quota. Without I/O."""

from typing import Final

from streams.quota import Window
from topics.scans import ScanPurpose, ScanRecord

COMPARE_SHARE: Final = 0.1
"""Of our share of the daily quota, for all reconciles together."""
DAY_S: Final = 86_400.0


class CompareBudget:
    """
    Counts the requests of comparing scans over a day.

    A scan's record says what it has used, so whoever goes on with it knows; what scans that were
    over before used under another owner is forgotten.
    """

    def __init__(self, *, daily_requests: int) -> None:
        self._window = Window(limit=max(1, int(daily_requests * COMPARE_SHARE)), span_s=DAY_S)
        self._known: dict[str, int] = {}

    def note(self, scan: ScanRecord, now_s: float) -> None:
        """Account for what a scan's record says that it has used."""
        if scan.purpose is ScanPurpose.BACKFILL:
            return
        known = self._known.get(scan.id, 0)
        self._window.hold(now_s, scan.requests - known)
        self._known[scan.id] = max(known, scan.requests)
        if scan.is_over:
            del self._known[scan.id]

    def to_wait(self, scan: ScanRecord, now_s: float) -> float | None:
        """Return until when (unix seconds) a scan must wait; None: it may go on."""
        if scan.purpose is ScanPurpose.BACKFILL or self._window.free(now_s) > 0:
            return None
        return self._window.free_at(now_s)
