"""Brokers that tests may stop, freeze, slow down, and rob of their replicas."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stack.cache import Cache, cache_folder
from stack.kafka import Kafka, to_settings
from stack.ports import HOST, free_port

READY_WITHIN_S = 120.0


class SlowableKafka(Kafka):
    """A broker with a second listener, whose advertised address is a proxy's: see `Forwarder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, cache=Cache(cache_folder(os.environ)))
        self.controller = f"{HOST}:{free_port()}"
        self.slow_port, self.proxy_port = free_port(), free_port()

    def _to_settings(self) -> Mapping[str, str]:
        plain, slow = f"PLAINTEXT://{self.address}", f"SLOW://{HOST}:{self.slow_port}"
        settings = to_settings(
            listens=self.address, advertised=self.address, controller=self.controller
        )
        return {
            **settings,
            "listeners": f"{plain},{slow},CONTROLLER://{self.controller}",
            "advertised.listeners": f"{plain},SLOW://{HOST}:{self.proxy_port}",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,SLOW:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
        }


class SecondKafka(Kafka):
    """A broker that follows another; without it, topics of two replicas have one too few."""

    def __init__(self, folder: Path, first: SlowableKafka) -> None:
        super().__init__(folder, cache=Cache(cache_folder(os.environ)))
        self._controller = first.controller

    def _to_settings(self) -> Mapping[str, str]:
        settings = to_settings(
            listens=self.address, advertised=self.address, controller=self._controller
        )
        return {
            **settings,
            "process.roles": "broker",
            "node.id": "2",
            "listeners": f"PLAINTEXT://{self.address}",
        }


@contextmanager
def running(broker: Kafka) -> Iterator[Kafka]:
    """Start a broker, and stop it."""
    try:
        broker.start()
        broker.wait_ready(READY_WITHIN_S)
        yield broker
    finally:
        broker.stop()
