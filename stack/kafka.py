"""Kafka: one broker that is its own controller."""

import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from runtime.errors import OperatorError
from stack.cache import java_command
from stack.ports import HOST, accepts, free_port
from stack.server import Server

CLUSTER_ID = "cXVpbmRleC1sb2NhbC0wMQ"
"""22 characters, the same for every local stack."""

HEAP = "512m"
RECORD_MAX_BYTES = 16 * 2**20
"""Topics may set a lower maximum of their own; ours go up to 8 MiB."""

ANSWER_WITHIN_MS = 3000

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


def to_properties(*, port: int, controller_port: int, data_folder: Path) -> str:
    """server.properties: safe for one broker, quick for tests."""
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        # A static quorum: its ports are read here at each start, and not kept with the data.
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data_folder,
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "message.max.bytes": RECORD_MAX_BYTES,
        "replica.fetch.max.bytes": RECORD_MAX_BYTES,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "log.cleaner.dedupe.buffer.size": 16 * 2**20,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


class Kafka(Server):
    name = "Kafka"

    def answers(self) -> bool:
        if not accepts(self.port):
            return False
        quiet = logging.getLogger("kafka")
        level = quiet.level
        quiet.setLevel(logging.CRITICAL)  # being down is expected here
        try:
            admin = KafkaAdminClient(
                bootstrap_servers=self.address,
                bootstrap_timeout_ms=ANSWER_WITHIN_MS,
                request_timeout_ms=ANSWER_WITHIN_MS,
            )
            try:
                return bool(admin.describe_cluster()["brokers"])
            finally:
                admin.close()
        except KafkaError:
            return False
        finally:
            quiet.setLevel(level)

    def _prepare(self) -> Sequence[str]:
        properties, log4j = self.folder / "server.properties", self.folder / "log4j2.properties"
        properties.write_text(
            to_properties(port=self.port, controller_port=free_port(), data_folder=self.data_folder)
        )
        log4j.write_text(LOG4J)
        java = [
            java_command(),
            f"-Xmx{HEAP}",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            f"-Dlog4j2.configurationFile={log4j}",
            "-cp",
            f"{self._cache.jars('kafka')}/*",
        ]
        if not (self.data_folder / "meta.properties").exists():
            self._format(java, properties)
        return [*java, "kafka.Kafka", str(properties)]

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
