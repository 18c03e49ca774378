"""A whole installation on one machine: simulator, ingress and workers as child processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from elasticsearch import ApiError, AsyncElasticsearch, TransportError
from kafka.errors import KafkaError

from ops.catalog import Agreement, compare_with_catalog
from ops.connections import kafka_admin
from ops.lag import read_positions, to_lag
from ops.setup import set_up
from runtime.errors import OperatorError, Unreachable
from runtime.settings import Settings, load_settings
from sinks.elasticsearch import connect
from stack.child import Child, to_environment
from stack.ports import HOST, free_port
from topics.names import TopicNames

READY_WITHIN_S: Final = 60.0
CALLED_WITHIN_S: Final = 600.0
"""For webhook calls that wait, if nothing else is said; a retry comes after 300 s."""
UNANSWERED: Final = (Unreachable, KafkaError, httpx.TransportError, ApiError, TransportError)
"""What a question to a server raises that may be answered a moment later."""
_POLL_S: Final = 0.1


@dataclass
class Installation:
    """
    Child processes on servers that run already, with topics and indices of their own *prefix*.

    All of them die with this process. *folder* keeps logs and spool. *wipe* is removed once they
    have ended, if this process is killed.
    """

    kafka: str
    elasticsearch: str
    folder: Path
    prefix: str = "quindex"
    documents: int = 300
    locales: str = "fr_FR,fr_BE,en_GB"
    fallbacks: str = "fr_BE:fr_FR"
    authorization: str = "Bearer webhook-secret"
    seed: int = 1
    more: dict[str, str] = field(default_factory=dict)  # settings beside these
    wipe: Path | None = None
    workers: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()  # the children run elsewhere
        self.simulator_port, self.ingress_port, self.ops_port = (
            free_port(),
            free_port(),
            free_port(),
        )
        self.variables = {
            "QUINDEX_KAFKA": self.kafka,
            "QUINDEX_ELASTICSEARCH": self.elasticsearch,
            "QUINDEX_TOPIC_PREFIX": self.prefix,
            "QUINDEX_INDEX_PREFIX": self.prefix,
            "QUINDEX_REPLICATION_FACTOR": "1",
            "QUINDEX_LOCALES": self.locales,
            "QUINDEX_LOCALE_FALLBACKS": self.fallbacks,
            "QUINDEX_PIM_URL": self.simulator_url,
            "QUINDEX_PIM_TOKEN": "simulator-token",
            "QUINDEX_WEBHOOK_AUTHORIZATION": self.authorization,
            "QUINDEX_INGRESS_PORT": str(self.ingress_port),
            "QUINDEX_SPOOL_PATH": str(self.folder / "spool"),
            **self.more,
        }
        self.simulator = self._child(
            "simulator",
            *("simulator", "--port", str(self.simulator_port), "--documents", str(self.documents)),
            *("--locales", self.locales, "--fallbacks", self.fallbacks, "--seed", str(self.seed)),
            *("--webhook-url", self.webhook_url, "--webhook-authorization", self.authorization),
        )
        self.ingress = self._child("ingress", "ingress", QUINDEX_OPS_PORT=str(self.ops_port))
        # No proxy that is set for the world outside answers for this machine.
        self.http = httpx.AsyncClient(base_url=self.simulator_url, timeout=60.0, trust_env=False)

    @property
    def simulator_url(self) -> str:
        """The PIM's address; its control API lies below /control."""
        return f"http://{HOST}:{self.simulator_port}"

    @property
    def webhook_url(self) -> str:
        """Where notifications are posted."""
        return f"http://{HOST}:{self.ingress_port}/webhooks/quable"

    @property
    def settings(self) -> Settings:
        """The settings that all processes share."""
        return load_settings(self.variables, env_file=None)

    @property
    def topics(self) -> TopicNames:
        """The topics of this installation."""
        return TopicNames(self.prefix)

    @property
    def ended(self) -> list[Child]:
        """What was started and runs no more."""
        children = (self.simulator, self.ingress, *self.workers)
        return [child for child in children if child.has_ended]

    async def start(self, *, workers: int = 1) -> None:
        """
        Set up, then start everything and wait until it answers.

        Raises:
            OperatorError: something does not start; the message holds the end of its log.
        """
        self.simulator.start()
        self.ingress.start()
        await set_up(self.settings)
        for _ in range(workers):
            self.start_worker()
        await self._wait_for(f"{self.simulator_url}/control/idle", self.simulator)
        await self._wait_for(f"http://{HOST}:{self.ops_port}/readyz", self.ingress)
        await self.workers_started()

    async def workers_started(self) -> None:
        """
        Wait until all workers say so.

        Raises:
            OperatorError: one has not started in time.
        """
        for worker in self.workers:
            await asyncio.to_thread(worker.wait_for_log, "worker.started", READY_WITHIN_S)

    def start_worker(self, **more: str) -> Child:
        """Start one more worker; *more* is added to its environment."""
        worker = self._child(f"worker-{len(self.workers) + 1}", "worker")
        worker.start(**more)
        self.workers.append(worker)
        return worker

    async def stop(self) -> None:
        """Stop all processes in order; what does not stop in time is killed."""
        await self.http.aclose()
        for children in ([self.simulator], [self.ingress], self.workers):
            await asyncio.gather(*(asyncio.to_thread(child.stop) for child in children))

    def kill(self) -> None:
        """End all processes at once."""
        for child in (*self.workers, self.ingress, self.simulator):
            child.kill()

    async def control(self, path: str, **body: Any) -> dict[str, Any]:
        """Ask the simulator's control API to change something; return what it did."""
        answer = await self.http.post(f"/control/{path}", json=body)
        if answer.is_error:
            raise OperatorError(f"The simulator refused {path}: {answer.text}")
        return dict(answer.json())

    async def look(self, path: str) -> dict[str, Any]:
        """Ask the simulator's control API for something."""
        answer = await self.http.get(f"/control/{path}")
        answer.raise_for_status()
        return dict(answer.json())

    async def webhooks_idle(self, within_s: float = CALLED_WITHIN_S) -> None:
        """
        Wait until no webhook call is pending.

        Raises:
            OperatorError: some still are when the time is over.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        while not (state := await self.look("idle"))["idle"]:
            if loop.time() > deadline_s:
                raise OperatorError(
                    f"After {within_s:g} s the webhook was not called for all changes: "
                    f"{state['waiting']} wait.\n{self.ingress.log_tail()}"
                )
            await asyncio.sleep(_POLL_S)

    async def requests(self) -> int:
        """Return how many requests the PIM has had."""
        return int((await self.look("requests"))["total"])

    async def lag(self) -> int:
        """Return how many records the workers have not acknowledged."""
        return await asyncio.to_thread(self._read_lag)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AsyncElasticsearch]:
        """Yield a client of Elasticsearch."""
        client = connect(self.settings)
        try:
            yield client
        finally:
            await client.close()

    async def is_quiet(self) -> bool:
        """Whether no webhook call waits, and the workers have acknowledged all."""
        return await self._is_called() and await self.lag() == 0

    async def settle(
        self, within_s: float, *, second_looks: bool = True, look_every_s: float = _POLL_S
    ) -> Agreement:
        """
        Wait until nothing is on its way, then compare the whole index with the whole catalog.

        Without *second_looks* it does not wait for resources that are only looked at again later,
        since their answers seemed old: up to 35 s. Who does not answer is asked again. Returns the
        last comparison when the time is over, equal or not; one that is not to be had raises then.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        async with self.client() as client:
            while True:
                is_over = loop.time() > deadline_s
                try:
                    if is_over or await (self.is_quiet() if second_looks else self._is_called()):
                        agreement = await compare_with_catalog(self.http, client, self.settings)
                        if is_over or agreement.is_equal:
                            return agreement
                except UNANSWERED:
                    if is_over:
                        raise
                await asyncio.sleep(look_every_s)

    async def _is_called(self) -> bool:
        return bool((await self.look("idle"))["idle"])

    def _read_lag(self) -> int:
        with kafka_admin(self.settings) as admin:
            return to_lag(read_positions(admin, self.topics))

    def _child(self, name: str, *arguments: str, **more: str) -> Child:
        return Child(
            name,
            [sys.executable, "-m", "ops", *arguments],
            environment={**to_environment(os.environ), **self.variables, **more},
            log=self.folder / f"{name}.log",
            wipe=self.wipe,
        )

    async def _wait_for(self, url: str, child: Child) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                async with asyncio.timeout(READY_WITHIN_S):
                    while not await _answers(http, url):
                        if not child.is_running:
                            raise OperatorError(f"{child.name} ended.\n{child.log_tail()}")
                        await asyncio.sleep(_POLL_S)
            except TimeoutError:
                raise OperatorError(f"{child.name} does not answer.\n{child.log_tail()}") from None


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.TransportError:
        return False
