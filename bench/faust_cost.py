"""
What Faust costs: the same stages fed by Faust and by a bare aiokafka consumer, in one run.

    python -m bench.faust_cost [--notifications 50000] [--snapshots 20000] [--rounds 3]

Servers are started unless QUINDEX_KAFKA and QUINDEX_ELASTICSEARCH name some. Debounce takes notifications of a thousand resources, the index stage snapshots of documents in
three locales; what they give goes to memory, so that only the way in differs. Both keep the ledger
and commit once a second. Each run is a process of its own; it counts from the first record to the
last, and computing is that of the process in that time.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaProducer

from bench.faust_feeds import Count, by_faust, by_hand, to_stage
from ops.connections import kafka_admin
from runtime.kafka_options import to_aiokafka_options
from runtime.logs import configure_logs
from runtime.loop import Loop
from runtime.settings import Settings
from tests.integration.bare_bulks import to_shots
from tests.integration.large_sites import open_stack
from topics.creation import ensure_topics
from topics.layout import to_layouts
from topics.names import TopicNames

RESULTS: Final = Path(__file__).parent / "results" / "faust_cost.ndjson"
RESOURCES: Final = 1_000
WAYS: Final = ("faust", "bare")


async def serve(way: str, name: str, prefix: str, records: int) -> None:
    """Measure one way once."""
    settings = Settings(kafka=os.environ["QUINDEX_KAFKA"], topic_prefix=prefix)
    count = Count(to_stage(name, TopicNames(prefix)), records)
    await (by_faust if way == "faust" else by_hand)(settings, name, count)
    wall_s, computed_s = (end - begin for begin, end in zip(count.began, count.ended, strict=True))
    print(orjson.dumps({"wall_s": wall_s, "computed_s": computed_s}).decode())


def to_notifications(count: int) -> list[tuple[bytes, bytes]]:
    """Return webhook bodies of the usual size."""
    found = []
    for number in range(count):
        code = f"product-{number % RESOURCES}"
        body = {
            "uuid": f"u-{number}",
            "code": "document.update",
            "created_by": "x" * 500,
            "resource": {"code": code, "type": "document", "locales": {"updated": ["fr_FR"]}},
        }
        found.append((code.encode(), orjson.dumps(body)))
    return found


def to_values(count: int) -> list[tuple[bytes, bytes]]:
    """Return snapshots of documents of the usual size, each resource several times."""
    shots = [(shot.key.encode(), shot.to_json()) for shot in to_shots(RESOURCES)]
    return [shots[number % len(shots)] for number in range(count)]


async def fill(settings: Settings, records: list[tuple[bytes, bytes]], topic: str) -> None:
    """Append everything."""
    async with AIOKafkaProducer(**to_aiokafka_options(settings), linger_ms=20) as producer:
        sent = [await producer.send(topic, value, key=key) for key, value in records]
        await asyncio.gather(*sent)


def measure(kafka: str, prefix: str, counts: dict[str, int], rounds: int) -> None:
    """Run every stage both ways, in turn; say the medians."""
    with RESULTS.open("wb") as lines:
        for name, records in counts.items():
            found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
            for number in range(rounds):
                for way in WAYS:
                    figures = measure_once(kafka, way, name, f"{prefix}{number}", records)
                    found[way].append(figures)
                    lines.write(orjson.dumps({"stage": name, "way": way, **figures}) + b"\n")
                    print(f"  {name} by {way}: {to_line(figures)}", flush=True)
            say(name, found)


def measure_once(kafka: str, way: str, name: str, prefix: str, records: int) -> dict[str, float]:
    """Run one way in a process of its own."""
    command = [*(sys.executable, "-W", "ignore", "-m", "bench.faust_cost", "--serve"), way, name]
    told = subprocess.run(  # noqa: S603  # ourselves
        [*command, prefix, str(records)],
        env={**os.environ, "QUINDEX_KAFKA": kafka},
        check=True,
        stdout=subprocess.PIPE,
    )
    found = orjson.loads(told.stdout.splitlines()[-1])
    return {
        "records": records,
        "per_s": round(records / found["wall_s"]),
        "computed_us": round(found["computed_s"] / records * 1e6, 1),
        "machine_load": round(os.getloadavg()[0], 2),
    }


def say(name: str, found: dict[str, list[dict[str, float]]]) -> None:
    """Say the medians, and what they mean."""
    medians = {
        way: {key: median(each[key] for each in rounds) for key in ("per_s", "computed_us")}
        for way, rounds in found.items()
    }
    for way, figures in medians.items():
        print(f"{name} by {way}, median: {to_line(figures)}")
    more_us = medians["faust"]["computed_us"] - medians["bare"]["computed_us"]
    print(f"{name}: Faust costs {more_us:.0f} µs of computing for each record")


def to_line(figures: dict[str, float]) -> str:
    """Return figures in words."""
    per_core = 1e6 / figures["computed_us"]
    return (
        f"{figures['per_s']:,.0f} records/s, {figures['computed_us']:.0f} µs of computing each,"
        f" so {per_core:,.0f} records/s and core"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notifications", type=int, default=50_000)
    parser.add_argument("--snapshots", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", nargs=4)
    options = parser.parse_args()
    configure_logs(level="warning")
    if options.serve:
        way, name, prefix, records = options.serve
        with asyncio.Runner(loop_factory=Loop) as runner:  # as a worker does
            runner.run(serve(way, name, prefix, int(records)))
        return
    with open_stack() as (kafka, _):
        compare(kafka, options)


def compare(kafka: str, options: argparse.Namespace) -> None:
    """Fill the topics of each round, then measure."""
    prefix = f"bench{uuid4().hex[:8]}-"
    for number in range(options.rounds):
        settings = Settings(
            kafka=kafka,
            topic_prefix=f"{prefix}{number}",
            replication_factor=1,
        )
        prepare(settings, options.notifications, options.snapshots)
    counts = {"debounce": options.notifications, "index": options.snapshots}
    measure(kafka, prefix, counts, options.rounds)


def prepare(settings: Settings, notifications: int, snapshots: int) -> None:
    """Create and fill the topics of one round."""
    topics = TopicNames(settings.topic_prefix)
    layouts = to_layouts(topics, replication_factor=settings.replication_factor)
    with kafka_admin(settings) as admin:
        ensure_topics(admin, layouts, replication_factor=settings.replication_factor)
    asyncio.run(fill(settings, to_notifications(notifications), topics.notifications))
    asyncio.run(fill(settings, to_values(snapshots), topics.snapshots))


if __name__ == "__main__":
    main()
