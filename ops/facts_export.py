"""
Shows as metrics what is known of the whole installation.

The worker that owns `due` looks, so that each thing is looked at once however many workers there
are. What is unknown is NaN, or has no series: an alert that compares it is silent then, and
`quindex_part_up` and `quindex_facts_timestamp_seconds` have alerts of their own.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Gauge

from ops.facts import Facts, Part, QuotaFacts
from ops.verdict import last_drift
from runtime import metrics
from runtime.logs import get_logger

LOOK_PAUSE_S: Final = 5.0
"""Between two looks; without anybody who scrapes there is none."""
STAGES: Final = ("debounce", "fetch", "index")
_PARTS: Final = {Part.KAFKA: "kafka", Part.ELASTICSEARCH: "elasticsearch"}

_BY_LABEL: Final = (
    metrics.part_up,
    metrics.stage_lag_records,
    metrics.stage_waiting_seconds,
    metrics.stage_paused,
    metrics.freshness_last_hour_seconds,
    metrics.quota_used_requests,
    metrics.quota_limit_requests,
    metrics.dead_letters_open,
    metrics.scans_running,
    metrics.quota_used_ratio,
)
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FactsExporter:
    """Looks after each scrape, for the next one, as long as this worker is the one that does."""

    collect: Callable[[], Awaitable[Facts]]
    is_ours: Callable[[], bool]
    used_ratio: Callable[[], float]  # of our share of the quota, also while nothing is fetched
    pause_s: float = LOOK_PAUSE_S
    _scraped: asyncio.Event = field(default_factory=asyncio.Event)

    def scraped(self) -> None:
        """Note that somebody reads the metrics; what they read is what was known before."""
        self._scraped.set()

    async def run(self) -> None:
        """Export until cancelled; a look that fails never ends the worker."""
        forget()
        while True:
            await self._scraped.wait()
            self._scraped.clear()
            try:
                if self.is_ours():
                    show(await self.collect())
                    metrics.quota_used_ratio.labels("fullest").set(self.used_ratio())
                else:
                    forget()
            except Exception:
                log.exception("facts.not_collected")
            await asyncio.sleep(self.pause_s)


def forget() -> None:
    """Show nothing of the installation: another worker does."""
    for name in STAGES:  # what this worker's own guard holds, the one that looks says
        metrics.stage_stopped.labels(name).set(0)
    _clear()


def _clear() -> None:
    for by_label in _BY_LABEL:
        by_label.clear()
    for plain in metrics.UNKNOWN_AT_FIRST:
        plain.set(math.nan)


def show(facts: Facts) -> None:
    """Show what is known."""
    _clear()
    metrics.facts_timestamp.set(facts.now_s)
    for part, name in _PARTS.items():
        metrics.part_up.labels(name).set(part not in facts.down)
    _show_stages(facts)
    _set(metrics.complete_timestamp, facts.complete_s)
    _set(metrics.deletes_parked, facts.parked)
    _set(metrics.group_workers, None if facts.workers is None else len(facts.workers))
    _set(metrics.drift_documents, None if facts.scans is None else last_drift(facts))
    for each in facts.freshness or ():
        for quantile, value_s in (("0.5", each.p50_s), ("0.95", each.p95_s), ("0.99", each.p99_s)):
            if value_s is not None:
                metrics.freshness_last_hour_seconds.labels(each.locale, quantile).set(value_s)
    if facts.quota is not None:
        _show_quota(facts.quota)
    if facts.letters is not None:
        for name, count in facts.letters.by_reason.items():
            stage, _, reason = name.partition("/")
            metrics.dead_letters_open.labels(stage, reason).set(count)
    for purpose, count in _to_running(facts).items():
        metrics.scans_running.labels(purpose).set(count)


def _show_stages(facts: Facts) -> None:
    for stage in facts.stages or ():
        for each in stage.partitions:
            metrics.stage_lag_records.labels(stage.stage, str(each.partition)).set(each.lag)
        if not stage.lag:
            metrics.stage_waiting_seconds.labels(stage.stage).set(0)
        elif stage.oldest_s is not None:
            waited_s = max(0.0, facts.now_s - stage.oldest_s)
            metrics.stage_waiting_seconds.labels(stage.stage).set(waited_s)
    if facts.pauses is not None:
        paused = {each.stage for each in facts.pauses}
        for name in STAGES:
            metrics.stage_paused.labels(name).set(name in paused)
    if facts.stops is not None:
        stopped = {each.stage for each in facts.stops}
        for name in STAGES:
            metrics.stage_stopped.labels(name).set(name in stopped)


def _show_quota(quota: QuotaFacts) -> None:
    for window, used, limit in (
        ("10min", quota.used_10min, quota.limit_10min),
        ("24h", quota.used_24h, quota.limit_24h),
    ):
        metrics.quota_used_requests.labels(window).set(used)
        metrics.quota_limit_requests.labels(window).set(limit)


def _to_running(facts: Facts) -> Mapping[str, int]:
    running: dict[str, int] = {}
    for scan in facts.scans or ():
        running[scan.purpose] = running.get(scan.purpose, 0) + (not scan.is_over)
    return running


def _set(gauge: Gauge, value: float | None) -> None:
    gauge.set(math.nan if value is None else value)
