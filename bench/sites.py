"""The candidates as installations on the same servers, each with a simulator of its own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from elasticsearch import AsyncElasticsearch
from kafka import TopicPartition
from kafka.admin import OffsetSpec

from ops.connections import kafka_admin
from ops.installation import Installation
from ops.lag import Position, read_positions
from runtime.errors import OperatorError
from stack.child import Child

ROOT: Final = Path(__file__).parent.parent
QUIX_PYTHON: Final = ROOT / ".cache" / "bench-quix" / "bin" / "python"
PARTITIONS: Final = 12
STARTED_WITHIN_S: Final = 60.0
_SUPERVISE_EVERY_S: Final = 1.0
_INDEX: Final[dict[str, Any]] = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "1s"},
    "mappings": {
        "date_detection": False,
        "properties": {"code": {"type": "keyword"}, "revision": {"type": "integer"}},
    },
}


class Site(Installation):
    """quindex, and what the scenario has to know of it."""

    name = "quindex"
    workers_count = 1
    revision_field = "attributes.sim_revision.number"
    cannot: Mapping[str, str] = {}  # steps that it cannot go through, and why

    async def load(self) -> None:
        """Bring everything that is in the PIM into the index."""
        await self._run([sys.executable, "-m", "ops", "backfill", "--kind", "document"])

    def start_again(self) -> None:
        """Start what has died."""
        for child in (self.ingress, *self.workers):
            if not child.is_running:
                child.start()

    async def supervise(self) -> None:
        """Start again and again what has died, until cancelled."""
        while True:
            await asyncio.to_thread(self.start_again)
            await asyncio.sleep(_SUPERVISE_EVERY_S)

    def pids(self) -> list[int]:
        """Return what is measured: neither servers nor simulator."""
        return [child.pid for child in (self.ingress, *self.workers) if child.is_running]

    async def positions(self) -> Mapping[TopicPartition, Position]:
        """Return where the topic of notifications ends, and what is done with."""
        return await asyncio.to_thread(self._read_positions)

    def _read_positions(self) -> Mapping[TopicPartition, Position]:
        with kafka_admin(self.settings) as admin:
            found = read_positions(admin, self.topics)
        topic = self.topics.notifications
        return {where: position for where, position in found.items() if where.topic == topic}

    async def _run(self, command: list[str]) -> None:
        await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=ROOT,
            env={**to_foreign(os.environ), **self.variables},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


class DirectSite(Site):
    """What a team writes in a day."""

    name = "direct"
    revision_field = "revision"
    consumer = "bench.baselines.direct"
    python = sys.executable

    def __post_init__(self) -> None:
        super().__post_init__()
        arguments = [sys.executable, "-m", "bench.baselines.direct", "ingress"]
        self.ingress = self._script("ingress", arguments)

    async def start(self, *, workers: int = 1) -> None:
        """Create topics and indices, then start everything."""
        await asyncio.to_thread(self._create_topics)
        async with self.client() as client:
            await self._create_indices(client)
        self.simulator.start()
        self.ingress.start()
        for _ in range(workers):
            self.start_worker()
        await self._wait_for(f"{self.simulator_url}/control/idle", self.simulator)
        await self._wait_for_ingress()
        await self.workers_started()

    def start_worker(self, **more: str) -> Child:
        """Start one more consumer."""
        arguments = [self.python, "-m", self.consumer, "consumer"]
        worker = self._script(f"consumer-{len(self.workers) + 1}", arguments)
        worker.start(**more)
        self.workers.append(worker)
        return worker

    async def load(self) -> None:
        """Read all pages."""
        await self._run([self.python, "-m", self.consumer, "load"])

    def _read_positions(self) -> Mapping[TopicPartition, Position]:
        group = f"{self.prefix}-{self.name}"
        partitions = [TopicPartition(f"{self.prefix}.direct", each) for each in range(PARTITIONS)]
        with kafka_admin(self.settings) as admin:
            ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
            committed = admin.list_group_offsets({group: partitions})[group]
        return {
            where: Position(ends[where].offset, max(0, getattr(committed.get(where), "offset", 0)))
            for where in partitions
        }

    def _create_topics(self) -> None:
        shape = {"num_partitions": PARTITIONS, "replication_factor": 1}
        names = (f"{self.prefix}.direct", f"{self.prefix}.resources")
        with kafka_admin(self.settings) as admin:
            admin.create_topics(dict.fromkeys(names, shape), wait_for_metadata=True)

    async def _create_indices(self, client: AsyncElasticsearch) -> None:
        for locale in self.settings.locales:
            await client.indices.create(index=f"{self.prefix}-{locale.lower()}", **_INDEX)

    async def _wait_for_ingress(self) -> None:
        async with asyncio.timeout(STARTED_WITHIN_S):
            while not await _listens(self.ingress_port):
                if not self.ingress.is_running:
                    raise OperatorError(f"{self.name} ended.\n{self.ingress.log_tail()}")
                await asyncio.sleep(0.1)

    def _script(self, name: str, command: list[str]) -> Child:
        return Child(
            name,
            command,
            environment={**to_foreign(os.environ), **self.variables, "PYTHONPATH": str(ROOT)},
            log=self.folder / f"{name}.log",
        )


class QuixSite(DirectSite):
    """Quix Streams: several instances, since each waits for one request at a time."""

    name = "quix"
    workers_count = 4
    consumer = "bench.baselines.quix"
    python = str(QUIX_PYTHON)
    cannot: Mapping[str, str] = {"deletes": "its Elasticsearch sink has no deletes"}


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def to_foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is not a setting of ours."""
    return {name: value for name, value in environment.items() if not name.startswith("QUINDEX_")}
