"""Kafka: one broker that is its own controller."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.errors import OperatorError
from stack.cache import java_command
from stack.ports import HOST, free_port
from stack.readiness import kafka_answers
from stack.server import Server

CLUSTER_ID = "cXVpbmRleC1sb2NhbC0wMQ"
"""22 characters, the same for every local stack."""

HEAP = "512m"
RECORD_MAX_BYTES = 16 * 2**20
"""Topics may set a lower maximum of their own; ours go up to 8 MiB."""

CLEANER_BUFFER_BYTES = 16 * 2**20
"""For compaction; the default is 128 MiB of a small heap."""

LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.kafka.name = kafka.server.KafkaRaftServer
logger.kafka.level = info
"""


def to_settings(*, listens: str, advertised: str, controller: str) -> dict[str, str]:
    """
    What one broker needs to be quick and still itself; all addresses are host:port.

    The quorum is a static one: its address is read here at each start, and not kept with the data.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{listens},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "message.max.bytes": str(RECORD_MAX_BYTES),
        "replica.fetch.max.bytes": str(RECORD_MAX_BYTES),
        # A broker that was killed may register again once its session is over.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",  # tests lose a consumer within seconds
        "log.cleaner.dedupe.buffer.size": str(CLEANER_BUFFER_BYTES),
    }


def to_properties(settings: Mapping[str, str]) -> str:
    """The text of a properties file; a backslash would start an escape there."""
    return "".join(f"{name}={value}\n".replace("\\", "\\\\") for name, value in settings.items())


class Kafka(Server):
    name = "Kafka"

    def answers(self) -> bool:
        return kafka_answers(self.address)

    def _prepare(self) -> Sequence[str]:
        properties, log4j = self.folder / "server.properties", self.folder / "log4j2.properties"
        settings = {**self._to_settings(), "log.dirs": str(self.data_folder)}
        properties.write_text(to_properties(settings))
        log4j.write_text(LOG4J)
        java = [
            java_command(),
            f"-Xmx{HEAP}",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "--sun-misc-unsafe-memory-access=allow",  # or its warnings fill the log's tail
            f"-Dlog4j2.configurationFile={log4j}",
            "-cp",
            f"{self._cache.jars('kafka')}/*",
        ]
        if not (self.data_folder / "meta.properties").exists():
            self._format(java, properties)
        return [*java, "kafka.Kafka", str(properties)]

    def _to_settings(self) -> Mapping[str, str]:
        return to_settings(
            listens=self.address, advertised=self.address, controller=f"{HOST}:{free_port()}"
        )

    def _format(self, java: Sequence[str], properties: Path) -> None:
        done = subprocess.run(  # noqa: S603  # our own command
            [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", properties],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OperatorError(
                f"Kafka's data folder {self.data_folder} cannot be prepared:\n"
                f"{done.stdout}{done.stderr}"
            )
