"""Many notifications at once, appended to Kafka itself, since the webhook would take too long."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kafka import KafkaProducer

from ops.connections import kafka_admin
from ops.installation import Installation
from ops.lag import read_positions
from pim.kinds import Kind
from stack.local import LocalStack
from tests.faults.evidence import read_topic
from tests.faults.memory import read_peak_bytes
from tests.faults.runs import open_run, until
from tests.faults.settling import settle
from tests.faults.strikes import SERVER_READY_WITHIN_S
from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic

RSS_MAX_BYTES: Final = 400 * 1024 * 1024
WORKERS: Final = 2
_KEYS_PER_S: Final = 40
"""About what a shared core fetches and indexes at least."""


async def assert_bounded(stack: LocalStack, folder: Path, *, keys: int, notifications: int) -> str:
    """Flood an installation while Elasticsearch is down; return what was measured."""
    within_s = 120 + keys / _KEYS_PER_S
    async with open_run(
        stack.kafka,
        stack.elasticsearch,
        folder,
        label="flood",
        documents=keys,
        workers=WORKERS,
        announced=False,
        watched=False,
        locales="fr_FR",
        fallbacks="",
        more={"QUINDEX_KINDS": "document", "QUINDEX_PIM_QUOTA_10MIN": "100000"},
    ) as run:
        installation, server = run.installation, stack.elasticsearch_server
        await asyncio.to_thread(server.stop)
        began_s = time.monotonic()
        try:
            codes = run.burst.codes
            await asyncio.to_thread(append_all, installation, codes, notifications)
            await until(
                lambda: read_lag(installation) == 0,
                within_s=within_s,
                otherwise=run.fleet.workers[0].log_tail,
            )
        finally:
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(server.wait_ready, SERVER_READY_WITHIN_S)
        down_s = time.monotonic() - began_s
        agreement = await settle(installation, within_s)
        peaks = [read_peak_bytes(worker) for worker in run.fleet.workers]
        letters = await asyncio.to_thread(
            read_topic, installation, installation.topics.dead_letters
        )

        assert agreement.is_equal, f"{agreement}: {agreement.examples()}"
        assert agreement.same >= keys
        assert run.fleet.exits == []
        assert max(peaks) < RSS_MAX_BYTES, peaks
        assert letters == []
    shown = ", ".join(f"{peak / 2**20:.0f} MiB" for peak in peaks)
    return (
        f"{notifications} notifications on {keys} keys, Elasticsearch down for {down_s:.0f} s:"
        f" {agreement}, peaks {shown}, no dead letters"
    )


def append_all(installation: Installation, codes: Sequence[str], count: int) -> None:
    """Append *count* notifications, round after round over all codes."""
    producer = KafkaProducer(bootstrap_servers=installation.kafka, linger_ms=20)
    try:
        for number in range(count):
            code, now_s = codes[number % len(codes)], time.time()
            producer.send(
                installation.topics.notifications,
                key=to_key_bytes(code),
                value=to_synthetic(Kind.DOCUMENT, code, now_s=now_s, reason="flood"),
                headers=list(to_headers(Source.WEBHOOK, now_s=now_s).items()),
            )
        producer.flush(timeout=120)
    finally:
        producer.close()


def read_lag(installation: Installation) -> int:
    """Return how far debounce and fetch are behind; the index stage waits."""
    with kafka_admin(installation.settings) as admin:
        positions = read_positions(admin, installation.topics)
    return sum(
        position.lag
        for where, position in positions.items()
        if where.topic != installation.topics.snapshots
    )
