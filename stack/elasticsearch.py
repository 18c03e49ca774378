"""Elasticsearch: one node, made of the published jars (stack/compile.py)."""

from collections.abc import Sequence
from pathlib import Path

from stack.cache import java_command
from stack.compile import LAUNCHER
from stack.ports import HOST, free_port
from stack.readiness import elasticsearch_answers
from stack.server import Server

HEAP = "1g"

LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


def to_settings(*, port: int, transport_port: int, folder: Path) -> str:
    """elasticsearch.yml: one node on the loopback address."""
    values = {
        "cluster.name": "quindex",
        "node.name": "local",
        "discovery.type": "single-node",
        "network.host": HOST,
        "http.port": port,
        "transport.port": transport_port,
        "path.data": folder / "data",
        "path.logs": folder / "logs",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    return "".join(f"{name}: {value}\n" for name, value in values.items())


class Elasticsearch(Server):
    name = "Elasticsearch"

    @property
    def address(self) -> str:
        return f"http://{super().address}"

    def answers(self) -> bool:
        return elasticsearch_answers(self.address)

    def _prepare(self) -> Sequence[str]:
        home = self._cache.elasticsearch_home()
        configuration, scratch = self.folder / "config", self.folder / "tmp"
        for folder in (configuration, scratch):
            folder.mkdir(exist_ok=True)
        (configuration / "log4j2.properties").write_text(LOG4J)
        (configuration / "elasticsearch.yml").write_text(
            to_settings(port=self.port, transport_port=free_port(), folder=self.folder)
        )
        return [
            java_command(),
            f"-Xms{HEAP}",
            f"-Xmx{HEAP}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-Dlog4j.shutdownHookEnabled=false",  # the node still logs while it closes
            "-Dlog4j2.disable.jmx=true",
            "--enable-native-access=ALL-UNNAMED",
            f"-Djava.io.tmpdir={scratch}",
            f"-Des.path.home={home}",
            "-cp",
            f"{home}/lib/*",
            LAUNCHER,
            str(home),
            str(configuration),
        ]
