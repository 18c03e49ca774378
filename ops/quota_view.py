"""Reads what the quota holds and what waits for it, from Kafka alone."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ops.connections import kafka_admin
from ops.lag import read_positions
from ops.pipeline import DAY_S
from ops.quota_facts import to_held_quota
from ops.quota_forecast import Waiting, forecast, to_waiting
from ops.quota_table import QuotaView, WindowView
from ops.ranges import open_ranges
from ops.seen import Seen
from ops.whole_logs import read_whole
from pim.urls import PAGE_MAX
from runtime.errors import MalformedRecord
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from topics.due import DueRecord, Lane
from topics.layout import DUE_PARTITION
from topics.names import TopicNames
from topics.scans import ScanRecord, is_scan

WITHIN_S: Final = 20.0
"""How long what waits is counted; the rest is left out, and said so."""
_LANES: Final = tuple(Lane)


@dataclass
class Count:
    """What the records of `due` ask for, merged by key as the fetch stage does."""

    lanes: dict[bytes, Lane] = field(default_factory=dict)
    scans: dict[bytes, ScanRecord] = field(default_factory=dict)

    def add(self, seen: Seen) -> bool:
        """Count a record; it need not be kept."""
        try:
            if is_scan(seen.key) and seen.key is not None and seen.value:
                self.scans[seen.key] = ScanRecord.parse(seen.value)
            elif seen.key is not None and seen.value:
                lane = DueRecord.parse(seen.value).lane
                known = self.lanes.get(seen.key, lane)
                self.lanes[seen.key] = min(lane, known, key=_LANES.index)
        except MalformedRecord:
            pass  # a dead letter, soon
        return False

    def to_waiting(self, pack_max: int) -> Mapping[Lane, Waiting]:
        """Return what waits in each lane."""
        counts = dict.fromkeys(Lane, 0)
        for lane in self.lanes.values():
            counts[lane] += 1
        pages = sum(count_pages(scan) for scan in self.scans.values())
        return {
            lane: to_waiting(count, pages=pages if lane is Lane.SCAN else 0, pack_max=pack_max)
            for lane, count in counts.items()
        }


def count_pages(scan: ScanRecord) -> int:
    """Return how many pages a scan has still to read; 1 where the PIM has not said how many."""
    if scan.is_over:
        return 0
    return max(1, -(-((scan.total or 0) - scan.resources) // PAGE_MAX))


async def read_quota_view(settings: Settings) -> QuotaView:
    """
    Return how things stand.

    Raises:
        KafkaError: the brokers do not answer.
    """
    topics = TopicNames(settings.topic_prefix)
    options = to_aiokafka_options(settings)
    (next_, end), records = await asyncio.gather(
        asyncio.to_thread(_read_position, settings), read_whole(settings, topics.quota)
    )
    count = Count()
    async with open_ranges(options, time.monotonic) as reader:
        place = (topics.due, DUE_PARTITION)
        first = (await reader.bounds([place]))[place][0]
        _, is_whole = await reader.read(
            {place: (max(first, next_), end)}, within_s=WITHIN_S, keep=count.add
        )
    now_s, quota = time.time(), to_held_quota(records, settings)
    short, long = quota.windows
    windows = (
        WindowView(short.span_s, short.used(now_s), short.limit, settings.pim_quota_10min),
        WindowView(DAY_S, long.used(now_s), long.limit, settings.pim_quota_24h),
    )
    return QuotaView(
        now_s=now_s,
        share=settings.pim_quota_share,
        pack_max=settings.pim_batch_max,
        windows=windows,
        lanes=forecast(quota, count.to_waiting(settings.pim_batch_max), now_s),
        is_whole=is_whole,
    )


def _read_position(settings: Settings) -> tuple[int, int]:
    topics = TopicNames(settings.topic_prefix)
    with kafka_admin(settings) as admin:
        positions = read_positions(admin, topics)
    for where, position in positions.items():
        if where.topic == topics.due:
            return position.committed or 0, position.end
    return 0, 0
