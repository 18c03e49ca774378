"""A whole installation on the shared servers, under a prefix of its own."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from ops.connections import kafka_admin
from ops.installation import Installation
from ops.lag import Position, read_positions
from sinks.fields import to_alias
from stack.choose import Servers
from tests.eventually import POLL_S, patiently
from tests.faults.burst import put
from tests.integration.calls import quindex

SETTLE_WITHIN_S = 120.0
TIME_SCALE = 20.0
"""Five minutes between a webhook's attempts become 15 s: a call that was too slow is made again."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Site:
    """An installation that runs, for tests that are no coroutines: all share one event loop."""

    installation: Installation
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for *work*."""
        return self.runner.run(work)

    def control(self, path: str, **body: Any) -> dict[str, Any]:
        """Ask the simulator for a change."""
        return self.run(self.installation.control(path, **body))

    def look(self, path: str) -> dict[str, Any]:
        """Ask the simulator how things stand."""
        return self.run(self.installation.look(path))

    def ask_kafka(self, question: Callable[[KafkaAdminClient], Result]) -> Result:
        """Put a question to the brokers."""
        with kafka_admin(self.installation.settings) as admin:
            return question(admin)

    def positions(self) -> Mapping[TopicPartition, Position]:
        """Return end and committed offset of every partition that the workers read."""
        return self.ask_kafka(lambda admin: read_positions(admin, self.installation.topics))

    def ends(self, topic: str) -> int:
        """Return how many records *topic* has had, in all of its partitions."""
        positions = self.positions()
        return sum(position.end for where, position in positions.items() if where.topic == topic)

    def find(self, locale: str, code: str) -> list[dict[str, Any]]:
        """Return the search documents of a code, as a reader of the alias finds them."""

        async def search() -> list[dict[str, Any]]:
            async with self.installation.client() as client:
                alias = to_alias(self.installation.prefix, locale)
                answer = await client.search(index=alias, query={"term": {"code": code}})
            return [hit["_source"] for hit in answer["hits"]["hits"]]

        return self.run(search())

    def assert_converges(self, within_s: float = SETTLE_WITHIN_S) -> None:
        """Wait until index and PIM agree, and the workers have acknowledged every record."""
        deadline_s = time.monotonic() + within_s
        agreement = self.run(self.installation.settle(within_s))

        assert str(agreement) == "missing 0, stale 0, extra 0", agreement.examples()
        # What a worker appends by itself may have come since it was looked for the last time.
        while behind := self.run(patiently(lambda: asyncio.to_thread(self.read_behind))):
            assert time.monotonic() < deadline_s, behind
            time.sleep(POLL_S)

    def read_behind(self) -> Mapping[TopicPartition, Position]:
        """Return where the group stands in each partition of which it has not acknowledged all."""
        return {
            where: position
            for where, position in self.positions().items()
            if position.end != (position.committed or 0)
        }


def to_installation(kafka: str, elasticsearch: str, folder: Path, **more: Any) -> Installation:
    """Return an installation that shares its servers with others, not started."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    return Installation(kafka, elasticsearch, folder, prefix=prefix, **more)


@contextmanager
def open_site(installation: Installation, *, workers: int = 1) -> Iterator[Site]:
    """Start an installation, and stop it in the end."""
    with asyncio.Runner() as runner:
        try:
            runner.run(installation.start(workers=workers))
            runner.run(put(installation, "webhook/options", time_scale=TIME_SCALE))
            yield Site(installation, runner)
        finally:
            runner.run(installation.stop())


@contextmanager
def open_filled_site(
    servers: Servers, folder: Path, *, documents: int, workers: int = 2
) -> Iterator[Site]:
    """Start an installation whose index a backfill has filled, and stop it in the end."""
    installation = to_installation(
        servers.kafka, servers.elasticsearch, folder, documents=documents
    )
    with open_site(installation, workers=workers) as opened:
        assert opened.run(quindex(installation, "backfill")).code == 0
        opened.assert_converges()
        yield opened


def read_records(site: Site, topic: str) -> list[Any]:
    """Return all records of a topic, as kafka-python shows them."""
    consumer = KafkaConsumer(bootstrap_servers=site.installation.kafka)
    try:
        partitions = [TopicPartition(topic, it) for it in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        count = sum(consumer.end_offsets(partitions).values())
        records: list[Any] = []
        while len(records) < count:
            for batch in consumer.poll(timeout_ms=1_000).values():
                records += batch
    finally:
        consumer.close()
    return records
