"""
How many calls per second the ingress accepts, side by side with what it could at best.

    quindex stack up; export QUINDEX_KAFKA=…      a real Kafka
    python bench/ingress_calls.py [--seconds 5] [--rounds 3] [--connections 32]

(a) is the same server answering 202 without Kafka; (b) is a plain Starlette endpoint that awaits
aiokafka's send_and_wait. All three get the same load, in turn, with acks=all.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import uvloop
from aiokafka import AIOKafkaProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingress.app import PATH
from ingress.process import to_server
from ingress.protocol import Limits
from ingress.sockets import listen
from tests.ingress.processes import create_topics
from topics.names import TopicNames

AUTHORIZATION = "Bearer bench"
NAMES = TopicNames("bench-ingress")
PORTS = {"a": 18090, "b": 18091, "ingress": 18092}
WARM_UP_S = 4


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


async def call_for(seconds: float, connections: int, port: int) -> list[float]:
    """Return the seconds that each call took; every one must be answered 202."""
    took_s: list[float] = []

    async def caller(name: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        end_s, count = time.monotonic() + seconds, 0
        while time.monotonic() < end_s:
            count += 1
            resource = {"code": f"product-{count % 1000}", "type": "document"}
            body = orjson.dumps(
                {
                    "uuid": f"{name}-{count}",
                    "code": "document.update",
                    "resource": resource,
                    "created_by": "x" * 700,
                }
            )
            head = (
                f"POST {PATH} HTTP/1.1\r\nhost: bench\r\nauthorization: {AUTHORIZATION}\r\n"
                f"content-length: {len(body)}\r\n\r\n"
            )
            started_s = time.monotonic()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            took_s.append(time.monotonic() - started_s)
            assert answer.startswith(b"HTTP/1.1 202"), answer
        writer.close()

    await asyncio.gather(*(caller(name) for name in range(connections)))
    return took_s


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


def main() -> None:
    """Measure, and print one line per round and server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=["a", "b"])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve_bare(options.serve))
        return
    try:
        create_topics(os.environ["QUINDEX_KAFKA"], NAMES)
    except Exception as error:  # noqa: BLE001 (they are there from the last time)
        print(error, file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        servers = {kind: start(kind, folder) for kind in PORTS}
        time.sleep(WARM_UP_S)
        try:
            for _ in range(options.rounds):
                for kind, port in PORTS.items():
                    took_s = uvloop.run(call_for(options.seconds, options.connections, port))
                    took_s.sort()
                    p50, p99 = (took_s[int(len(took_s) * share)] * 1000 for share in (0.5, 0.99))
                    status = Path(f"/proc/{servers[kind].pid}/status").read_text()
                    rss = next(it.split()[1] for it in status.splitlines() if "VmRSS" in it)
                    print(
                        f"{kind:8} {len(took_s) / options.seconds:7.0f}/s  p50 {p50:5.1f} ms  "
                        f"p99 {p99:5.1f} ms  max {took_s[-1] * 1000:6.1f} ms  "
                        f"rss {int(rss) // 1024} MiB"
                    )
        finally:
            for server in servers.values():
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
