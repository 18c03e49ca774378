"""How much of the PIM's quota is used, as the topic `quota` tells whoever takes it over."""

import time

from ops.facts import QuotaFacts
from ops.whole_logs import read_whole
from pim.connection import TIMEOUT_S
from runtime.errors import MalformedRecord
from runtime.settings import Settings
from streams.grants import Written, to_holdings
from streams.log_reader import Read
from streams.quota import Quota, Window
from topics.grants import GrantRecord
from topics.names import TopicNames

_DAY_S = 86_400.0


async def read_quota(settings: Settings) -> QuotaFacts:
    """
    Return what is used, by the broker's clock.

    Raises:
        KafkaError: the brokers do not answer.
    """
    topic = TopicNames(settings.topic_prefix).quota
    records = await read_whole(settings, topic)
    return to_quota_facts(records, settings, time.time())


def to_quota_facts(records: list[Read], settings: Settings, now_s: float) -> QuotaFacts:
    """Return what the grants hold of each window."""
    short, long = to_held_quota(records, settings).windows
    return QuotaFacts(short.used(now_s), short.limit, long.used(now_s), long.limit)


def to_held_quota(records: list[Read], settings: Settings) -> Quota:
    """Return our share of the quota, with what the grants hold of it."""
    written = []
    for each in records:
        try:
            written.append(
                Written(each.offset, each.appended_s, GrantRecord.parse(each.value or b""))
            )
        except MalformedRecord:
            continue
    share = settings.pim_quota_share
    short = Window(
        limit=max(1, int(settings.pim_quota_10min * share)), span_s=settings.pim_quota_window_s
    )
    long = Window(limit=max(1, int(settings.pim_quota_24h * share)), span_s=_DAY_S)
    quota = Quota((short, long))
    for holding in to_holdings(written, deadline_s=TIMEOUT_S):
        quota.hold(holding.since_s, holding.count, window=holding.window)
    return quota
