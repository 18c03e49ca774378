"""When a stage has stalled: it is behind, does not go on, and does not say what it waits for."""

from dataclasses import dataclass, field
from typing import Final

STALLED_AFTER_S: Final = 60.0
REBALANCE_MAX_S: Final = 600.0
"""Longer than brokers take to come back: then it is the worker that does not notice."""
UNCOMMITTED_MAX_S: Final = 600.0
"""Likewise: by then others own the partitions of a worker that its group does not hear of."""


@dataclass(slots=True)
class _Seen:
    progress: int
    since_s: float


@dataclass(slots=True)
class StallDetector:
    """Told now and then how far each stage has come; time is passed in."""

    stalled_after_s: float = STALLED_AFTER_S
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _uncommitted: dict[str, tuple[int | None, float]] = field(default_factory=dict)
    _moving_since_s: float | None = None

    def observe(
        self, stage: str, *, progress: int, lag: int, waits_for: str | None, now_s: float
    ) -> str | None:
        """
        Return why the worker must end, or None.

        *progress* is any number that changes whenever the stage finishes a record; *lag* counts
        the records that it has not finished.
        """
        self._moving_since_s = None
        seen = self._seen.get(stage)
        if seen is None or seen.progress != progress or lag == 0 or waits_for is not None:
            self._seen[stage] = _Seen(progress, now_s)
            return None
        quiet_s = now_s - seen.since_s
        if quiet_s < self.stalled_after_s:
            return None
        return f"stage {stage} is {lag} records behind and has not gone on for {quiet_s:.0f} s"

    def observe_commit(
        self, partition: str, *, stored: int | None, is_due: bool, now_s: float
    ) -> str | None:
        """
        Return why the worker must end, or None.

        *stored* is the offset that the group has stored last; it *is_due* if another one waits.
        """
        seen, since_s = self._uncommitted.get(partition, (stored, now_s))
        if not is_due or seen != stored:
            since_s = now_s
        self._uncommitted[partition] = stored, since_s
        if now_s - since_s < UNCOMMITTED_MAX_S:
            return None
        return f"nothing could be committed of {partition} for {now_s - since_s:.0f} s"

    def observe_rebalance(self, *, now_s: float) -> str | None:
        """Start anew, since partitions move; return why the worker must end, or None."""
        self._seen.clear()
        self._uncommitted.clear()
        if self._moving_since_s is None:
            self._moving_since_s = now_s
        moving_s = now_s - self._moving_since_s
        if moving_s < REBALANCE_MAX_S:
            return None
        return f"a rebalance has not come to its end for {moving_s:.0f} s"
