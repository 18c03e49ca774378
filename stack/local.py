"""Kafka and Elasticsearch side by side, as child processes on one folder."""

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from stack.cache import Cache
from stack.elasticsearch import Elasticsearch
from stack.kafka import Kafka
from stack.server import Server

READY_WITHIN_S = 120.0
"""From the start of the processes; what has to be fetched first does not count."""


class LocalStack:
    """
    Both servers on *folder*, or on a temporary folder that goes when the stack stops.

    Port 0 means any free one, chosen once: a server that is stopped and started again comes back
    on the same port with the same data.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        kafka_port: int = 0,
        elasticsearch_port: int = 0,
        cache: Cache | None = None,
    ) -> None:
        self._cache = cache or Cache()
        self._temporary = None if folder else Path(tempfile.mkdtemp(prefix="quindex-stack-"))
        self.folder = (self._temporary or folder or Path()).absolute()
        self.kafka_server = Kafka(
            self.folder / "kafka", cache=self._cache, port=kafka_port, wipe=self._temporary
        )
        self.elasticsearch_server = Elasticsearch(
            self.folder / "elasticsearch",
            cache=self._cache,
            port=elasticsearch_port,
            wipe=self._temporary,
        )

    @property
    def servers(self) -> tuple[Server, Server]:
        return self.elasticsearch_server, self.kafka_server  # the slower one first

    @property
    def kafka(self) -> str:
        """The bootstrap server, as QUINDEX_KAFKA wants it."""
        return self.kafka_server.address

    @property
    def elasticsearch(self) -> str:
        """The address, as QUINDEX_ELASTICSEARCH wants it."""
        return self.elasticsearch_server.address

    def start(self, *, detached: bool = False) -> None:
        """
        Start what does not run yet and wait until both answer. What fails is not left running.

        Raises:
            OperatorError: a port is taken, or the extra is not installed.
            Unreachable: a jar cannot be fetched, or a server does not answer in time.
        """
        started: list[Server] = []
        try:
            for server in self.servers:
                server.check_port()  # before downloads and starts that would be in vain
            self._cache.elasticsearch_home()
            self._cache.jars("kafka")
            for server in self.servers:
                if server.running() is None:
                    server.start(detached=detached)
                    started.append(server)  # only now: it may be another run's that came first
            for server in self.servers:
                server.wait_ready(READY_WITHIN_S)
        except BaseException:
            for server in started:
                server.stop()
            self._remove_temporary()
            raise

    def stop(self) -> None:
        for server in self.servers:
            server.stop()
        self._remove_temporary()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _remove_temporary(self) -> None:
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)
