"""
How many calls per second the ingress accepts, side by side with what it could at best.

    quindex stack up; export QUINDEX_KAFKA=…      a real Kafka
    python bench/ingress_calls.py [--seconds 5] [--rounds 3] [--connections 32]
    python bench/ingress_calls.py --calls 1000000    the ingress alone, and what memory it takes

(a) is the same server answering 202 without Kafka; (b) is a plain Starlette endpoint that awaits
aiokafka's send_and_wait. All three get the same load, in turn, with acks=all.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import orjson
import uvloop
from aiokafka import AIOKafkaProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.calls import Caller, to_quantile_ms
from ingress.app import PATH
from ingress.protocol import Limits
from ingress.servers import to_server
from ingress.sockets import listen
from tests.ingress.processes import create_topics
from topics.names import TopicNames

AUTHORIZATION = "Bearer bench"
NAMES = TopicNames("bench-ingress")
PORTS = {"a": 18090, "b": 18091, "ingress": 18092}
START_WITHIN_S = 60
WARM_UP_S = 2


async def serve_bare(kind: str) -> None:
    """Serve (a) or (b)."""
    if kind == "b":
        producer = AIOKafkaProducer(bootstrap_servers=os.environ["QUINDEX_KAFKA"], acks="all")
        await producer.start()

    async def accept(_request: Request) -> Response:
        await _request.body()
        return Response(status_code=202)

    async def append(request: Request) -> Response:
        body = await request.body()
        key = orjson.loads(body)["resource"]["code"].encode()
        await producer.send_and_wait(NAMES.notifications, body, key=key)
        return Response(status_code=202)

    endpoint = append if kind == "b" else accept
    app = Starlette(routes=[Route(PATH, endpoint, methods=["POST"])])
    with listen("127.0.0.1", PORTS[kind], setting="BENCH") as listener:
        await to_server(app, Limits()).serve([listener])


def start(kind: str, folder: str) -> subprocess.Popen[bytes]:
    """Start one of the three."""
    if kind != "ingress":
        return subprocess.Popen([sys.executable, __file__, "--serve", kind])  # noqa: S603 (ourselves)
    settings = {
        "QUINDEX_TOPIC_PREFIX": NAMES.prefix,
        "QUINDEX_WEBHOOK_AUTHORIZATION": AUTHORIZATION,
        "QUINDEX_INGRESS_PORT": str(PORTS[kind]),
        "QUINDEX_SPOOL_PATH": folder,
        "QUINDEX_LOG_LEVEL": "error",
    }
    return subprocess.Popen([sys.executable, "-m", "ops", "ingress"], env=os.environ | settings)


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did in one round."""

    per_s: float
    took_s: list[float]
    rss_mib: int
    cpu_us: float  # of the server, for each call

    def quantile_ms(self, share: float) -> float:
        """Return how many milliseconds this share of the calls took at most."""
        return to_quantile_ms(self.took_s, share)

    def __str__(self) -> str:
        p50, p99, most = (self.quantile_ms(share) for share in (0.5, 0.99, 1))
        return (
            f"{self.per_s:7.0f}/s  p50 {p50:5.1f} ms  p99 {p99:5.1f} ms  max {most:6.1f} ms  "
            f"CPU {self.cpu_us:4.0f} µs a call  rss at most {self.rss_mib} MiB"
        )


def wait_for(port: int) -> None:
    """Return once somebody listens."""
    for _ in range(int(START_WITHIN_S / 0.1)):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


def measure(port: int, process: subprocess.Popen[bytes], options: argparse.Namespace) -> Round:
    """Load one server."""
    began_s, cpu_before_s = time.monotonic(), to_cpu_s(process.pid)
    caller = Caller(port, AUTHORIZATION, connections=options.connections)
    took_s = uvloop.run(
        caller.call_for(options.seconds, per_s=options.per_s, calls_max=options.calls)
    )
    took_in_all_s = time.monotonic() - began_s
    status = Path(f"/proc/{process.pid}/status").read_text()
    rss_kib = next(int(it.split()[1]) for it in status.splitlines() if it.startswith("VmHWM"))
    cpu_us = (to_cpu_s(process.pid) - cpu_before_s) / len(took_s) * 1e6
    return Round(len(took_s) / took_in_all_s, took_s, rss_kib // 1024, cpu_us)


def to_cpu_s(pid: int) -> float:
    """Return how much CPU a process has had, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(servers: Mapping[str, subprocess.Popen[bytes]], options: argparse.Namespace) -> None:
    """Load all in turn, then the ingress once more with the calls that (b) accepts."""
    rounds: dict[str, list[Round]] = {kind: [] for kind in servers}
    for number in range(options.rounds):
        for kind in servers:
            rounds[kind].append(measure(PORTS[kind], servers[kind], options))
            print(f"round {number + 1}  {kind:8}", rounds[kind][-1])
    per_s = {kind: median(each.per_s for each in found) for kind, found in rounds.items()}
    for kind, found in rounds.items():
        ratios = sorted(
            each.per_s / bare.per_s for each, bare in zip(found, rounds["a"], strict=True)
        )
        print(
            f"median   {kind:8} {per_s[kind]:7.0f}/s  of (a): {median(ratios):.2f} "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
    options.per_s = per_s["b"]
    print("at (b)'s  ingress ", measure(PORTS["ingress"], servers["ingress"], options))


def main() -> None:
    """Measure, and print a line per round and server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--serve", choices=["a", "b"], help="not for people")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--per-s", type=float, default=0.0, help="no more calls than that")
    parser.add_argument("--calls", type=int, default=0, help="so many for the ingress alone")
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve_bare(options.serve))
        return
    try:
        create_topics(os.environ["QUINDEX_KAFKA"], NAMES)
    except Exception as error:  # noqa: BLE001 (they are there from the last time)
        print(f"the topics: {type(error).__name__}", file=sys.stderr)
    kinds = ["ingress"] if options.calls else list(PORTS)
    with tempfile.TemporaryDirectory() as folder:
        servers = {kind: start(kind, folder) for kind in kinds}
        for kind in kinds:
            wait_for(PORTS[kind])
        time.sleep(WARM_UP_S)  # to find Kafka
        try:
            if options.calls:
                options.seconds = float("inf")
                print("ingress ", measure(PORTS["ingress"], servers["ingress"], options))
            else:
                compare(servers, options)
        finally:
            for server in servers.values():
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
