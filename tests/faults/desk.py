"""An installation and its watch, for drills of the alerts."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from ingress.app import PATH
from ops.connections import publisher_of
from ops.installation import Installation
from stack.child import Child
from stack.local import LocalStack
from stack.ports import HOST, free_port
from tests.faults.commands import quindex
from tests.faults.lab import Lab
from tests.faults.prometheus import Prometheus
from tests.faults.runs import until_true
from tests.faults.settling import settle
from tests.ingress.examples import to_body

DOCUMENTS = 40
SAYS_WITHIN_S = 60


@dataclass
class Desk:
    """An installation, its watch, and a second ingress that fares badly."""

    installation: Installation
    stack: LocalStack
    watch: Prometheus
    second_ports: tuple[int, int]
    drilled: set[str] = field(default_factory=set)

    @property
    def worker(self) -> Child:
        return self.installation.workers[0]

    async def edit(self, code: str = "short-skirt") -> None:
        """Edit a document in the PIM, which announces it."""
        await self.installation.control("edit", code=code)

    async def fires(self, *names: str) -> None:
        """Wait until these fire."""
        await self.watch.until_firing(*names)
        self.drilled |= set(names)

    async def quindex(self, *arguments: str, codes: Collection[int] = (0,)) -> str:
        """Run a command of a runbook."""
        return await quindex(self.installation, *arguments, codes=codes)

    async def until_status_says(self, text: str) -> None:
        """Wait until `quindex status` says so; how it ends depends on what else it finds."""
        said = ""

        async def does_it() -> bool:
            nonlocal said
            said = await self.quindex("status", codes=range(256))
            return text in said

        await until_true(does_it, within_s=SAYS_WITHIN_S, otherwise=lambda: f"{text}: {said}")

    async def restart_worker(self, **environment: str) -> None:
        """Do as a runbook says after a setting has changed."""
        await asyncio.to_thread(self.worker.stop)
        await self.start_worker(**environment)

    async def start_worker(self, **environment: str) -> None:
        since = self.worker.log.stat().st_size
        await asyncio.to_thread(self.worker.start, **environment)
        await asyncio.to_thread(self.worker.wait_for_log, "worker.started", 60, since=since)

    async def call(self, authorization: str, port: int) -> int:
        """Call the webhook as Quable does; return the status."""
        async with httpx.AsyncClient(timeout=30) as http:
            answer = await http.post(
                f"http://{HOST}:{port}{PATH}",
                content=to_body("short-skirt", uuid=str(uuid4())),
                headers={"authorization": authorization},
            )
        return answer.status_code

    async def poison(self, count: int) -> None:
        """Append to `notifications` what is none."""
        installation = self.installation
        async with publisher_of(installation.settings) as publisher:
            for _ in range(count):
                await publisher.append(
                    installation.topics.notifications, key=b"poison", value=b"no notification"
                )

    async def falsify(self, code: str = "short-skirt") -> None:
        """Change a search document by hand."""
        alias = f"{self.installation.prefix}-fr_fr"
        async with self.installation.client() as client:
            await client.update(
                index=alias, id=f"document:{code}", doc={"name": "by hand"}, refresh=True
            )


@asynccontextmanager
async def open_desk(lab: Lab) -> AsyncIterator[Desk]:
    async with lab.own_stack() as stack:
        worker_port, second_ports = free_port(), (free_port(), free_port())
        installation = Installation(
            stack.kafka,
            stack.elasticsearch,
            lab.folder / "alerts",
            prefix=f"a{uuid4().hex[:8]}",
            documents=DOCUMENTS,
            more={
                "QUINDEX_OPS_PORT": str(worker_port),
                "QUINDEX_KINDS": "document",
                "QUINDEX_UNANNOUNCED_DELETES_MAX": "0",
                "QUINDEX_QUIET_S": "0.5",
                "QUINDEX_WEBHOOK_SILENT_S": "12",
            },
        )
        watch = Prometheus(
            installation.folder / "prometheus",
            {
                "quindex-ingress": (installation.ops_port, second_ports[1]),
                "quindex-worker": (worker_port,),
            },
        )
        try:
            await installation.start(workers=1)
            await installation.control("bulk-edit", documents=DOCUMENTS)
            await settle(installation, 120)
            async with watch.running():
                yield Desk(installation, stack, watch, second_ports)
        finally:
            await installation.stop()
