"""Ingress processes as an operator runs them, and callers that remember what was accepted."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from ingress.app import PATH
from tests.ingress.examples import AUTHORIZATION, to_body
from topics.layout import to_layouts
from topics.memory import Appended
from topics.names import TopicNames

COMMAND = (sys.executable, "-m", "ops", "ingress")
START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def create_topics(bootstrap: str, names: TopicNames, *, replicas: int = 1) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics(
            {
                layout.name: {
                    "num_partitions": layout.partitions,
                    "replication_factor": replicas,
                    "configs": {**layout.settings, "min.insync.replicas": str(replicas)},
                }
                for layout in to_layouts(names, replication_factor=1)
                if layout.name in {names.notifications, names.dead_letters}
            }
        )
    finally:
        admin.close()


def read_topic(bootstrap: str, topic: str) -> list[Appended]:
    """Return all records of a topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        parts = [TopicPartition(topic, it) for it in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        left = sum(consumer.end_offsets(parts).values())
        found: list[Appended] = []
        while len(found) < left:
            for records in consumer.poll(timeout_ms=500).values():
                found += [
                    Appended(topic, it.key, it.value, dict(it.headers), it.partition)
                    for it in records
                ]
        return found
    finally:
        consumer.close()


def uuids_of(records: list[Appended]) -> set[str]:
    return {orjson.loads(record.value or b"")["uuid"] for record in records}


@dataclass
class Ingress:
    """One process; *start* it as often as you like."""

    settings: Mapping[str, str]
    process: asyncio.subprocess.Process | None = None
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))

    @property
    def url(self) -> str:
        """Where calls go."""
        return f"http://127.0.0.1:{self.ports[0]}{PATH}"

    def environ(self) -> dict[str, str]:
        """Return the environment it runs in."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("QUINDEX_")},
            **self.settings,
            "QUINDEX_INGRESS_PORT": str(self.ports[0]),
            "QUINDEX_OPS_PORT": str(self.ports[1]),
        }

    async def start(self, **settings: str) -> None:
        """Return once it says that it can accept."""
        self.process = await asyncio.create_subprocess_exec(*COMMAND, env=self.environ() | settings)
        await self.until(lambda answer: answer.get("ready") is True)

    async def until(
        self, is_so: Callable[[Mapping[str, object]], bool], *, within_s: float = START_S
    ) -> None:
        """Ask `/readyz` until it is so."""
        async with httpx.AsyncClient() as client, asyncio.timeout(within_s):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get(f"http://127.0.0.1:{self.ports[1]}/readyz")
                    if is_so(answer.json()):
                        return
                await asyncio.sleep(0.05)

    async def drained(self, *, within_s: float = START_S) -> None:
        """Return once nothing waits in the spool."""
        async with asyncio.timeout(within_s):
            while await self.spooled():  # noqa: ASYNC110 (another process cannot set an event)
                await asyncio.sleep(0.05)

    async def spooled(self) -> float:
        """Return how many rows wait in the spool."""
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{self.ports[1]}/metrics")
        lines = [it for it in answer.text.splitlines() if it.startswith("quindex_spool_rows ")]
        return float(lines[0].split()[1])

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()


@dataclass
class Caller:
    """Calls as Quable does, and tries again what was not answered 2xx."""

    url: str
    accepted: set[str] = field(default_factory=set)
    unanswered: int = 0
    statuses: set[int] = field(default_factory=set)
    is_done: bool = False

    async def call(self, client: httpx.AsyncClient) -> bool:
        """Make one call; return whether it was accepted."""
        uuid = str(uuid4())
        try:
            answer = await client.post(
                self.url,
                content=to_body(f"code-{uuid[:2]}", uuid=uuid),
                headers={"authorization": AUTHORIZATION},
            )
        except httpx.TransportError:
            self.unanswered += 1
            return False
        self.statuses.add(answer.status_code)
        if answer.status_code == 202:
            self.accepted.add(uuid)
        return answer.status_code == 202

    async def keep_calling(self) -> None:
        """Call without a pause until *is_done*."""
        async with httpx.AsyncClient() as client:
            while not self.is_done:
                if not await self.call(client):
                    await asyncio.sleep(0.02)

    async def until(self, accepted: int, *, within_s: float = START_S) -> None:
        """Return once so many calls were accepted."""
        async with asyncio.timeout(within_s):
            while len(self.accepted) < accepted:  # noqa: ASYNC110 (a poll is plainer here)
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def ingress_for(
    bootstrap: str, folder: Path, *, replicas: int = 1
) -> AsyncIterator[tuple[Ingress, TopicNames]]:
    """An ingress of an installation of its own, whose topics exist; not started yet."""
    names = TopicNames(f"ingress-{uuid4().hex[:8]}")
    await asyncio.to_thread(create_topics, bootstrap, names, replicas=replicas)
    ingress = Ingress(
        {
            "QUINDEX_KAFKA": bootstrap,
            "QUINDEX_TOPIC_PREFIX": names.prefix,
            "QUINDEX_WEBHOOK_AUTHORIZATION": AUTHORIZATION,
            "QUINDEX_SPOOL_PATH": str(folder),
        }
    )
    try:
        yield ingress, names
    finally:
        if ingress.process is not None:
            await ingress.stop(signal.SIGKILL)
