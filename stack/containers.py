"""
The same two servers from their official images, where a Docker engine answers.

Imports testcontainers, which only developers have: whoever needs this file imports it late.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from docker.errors import DockerException  # type: ignore[import-untyped]  # it has no stubs
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from runtime.errors import Unreachable
from stack import elasticsearch, kafka
from stack.ports import HOST, free_port
from stack.readiness import elasticsearch_answers, kafka_answers

KAFKA_IMAGE: Final = "apache/kafka:4.3.1"
ELASTICSEARCH_IMAGE: Final = "elasticsearch:9.5.3"
KAFKA_PORT: Final = 9092
ELASTICSEARCH_PORT: Final = 9200

READY_WITHIN_S: Final = 120.0
"""Once the images are there."""

POLL_S: Final = 0.2


def engine_answers() -> bool:
    try:
        client = DockerClient().client
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except DockerException:
        return False
    finally:
        client.close()


class ContainerStack:
    """Both servers as containers; testcontainers removes them even if this process is killed."""

    def __init__(self) -> None:
        kafka_port, elasticsearch_port = free_port(), free_port()
        self.kafka = f"{HOST}:{kafka_port}"
        self.elasticsearch = f"http://{HOST}:{elasticsearch_port}"
        self._containers = {
            KAFKA_IMAGE: _on_loopback(KAFKA_IMAGE, KAFKA_PORT, kafka_port),
            ELASTICSEARCH_IMAGE: _on_loopback(
                ELASTICSEARCH_IMAGE, ELASTICSEARCH_PORT, elasticsearch_port
            ),
        }
        self._containers[KAFKA_IMAGE].with_envs(**to_environment(self.kafka))
        self._containers[ELASTICSEARCH_IMAGE].with_envs(
            **{
                "discovery.type": "single-node",
                "xpack.security.enabled": "false",
                "cluster.routing.allocation.disk.threshold_enabled": "false",
                "ES_JAVA_OPTS": f"-Xms{elasticsearch.HEAP} -Xmx{elasticsearch.HEAP}",
            }
        )
        self._running = ExitStack()

    def start(self) -> None:
        """
        Raises:
            Unreachable: an image cannot be had, or a server does not answer in time.
        """
        try:
            for container in self._containers.values():
                self._running.enter_context(container)
            self._wait(KAFKA_IMAGE, lambda: kafka_answers(self.kafka))
            self._wait(ELASTICSEARCH_IMAGE, lambda: elasticsearch_answers(self.elasticsearch))
        except DockerException as error:
            self.stop()
            raise Unreachable(f"Docker cannot run the servers: {error}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._running.close()

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

    def _wait(self, image: str, answers: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not answers():
            if time.monotonic() > deadline_s:
                log = b"".join(self._containers[image].get_logs()).decode(errors="replace")
                raise Unreachable(f"{image} did not answer within {READY_WITHIN_S:g} s.\n{log}")
            time.sleep(POLL_S)


def to_environment(advertised: str) -> dict[str, str]:
    """Kafka's settings, as its image wants them: process.roles is KAFKA_PROCESS_ROLES."""
    settings = kafka.to_settings(
        listens=f":{KAFKA_PORT}", advertised=advertised, controller="localhost:9093"
    )
    named = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    return {**named, "CLUSTER_ID": kafka.CLUSTER_ID, "KAFKA_HEAP_OPTS": f"-Xmx{kafka.HEAP}"}


def _on_loopback(image: str, inside: int, outside: int) -> DockerContainer:
    container = DockerContainer(image)
    container.ports[str(inside)] = (HOST, outside)  # type: ignore[assignment]  # Docker takes it
    return container
