"""
How many search documents per second a rebuild writes, beside bare bulks, two at a time.

    python bench/rebuild.py [--documents 6000] [--rounds 3]

Servers are started unless QUINDEX_KAFKA and QUINDEX_ELASTICSEARCH name some. In each round: (a) bare
bulks of ready lines into indices as `quindex setup` makes them, (b) the same into indices as a
rebuild fills them (no refresh, no replica), then a rebuild of the same documents from the topic of
snapshots, beside the indices of (a): reading, projection, comparison and swap included, a start of
Python not.
"""

import argparse
import asyncio
import statistics
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import uvloop

from ops.connections import elasticsearch_client, kafka_admin, publisher_of
from ops.setup import set_up
from ops.transfers import rebuild
from runtime.logs import configure_logs
from runtime.settings import Settings
from simulator.answers import show_attribute
from simulator.schema import ATTRIBUTES
from sinks.generations import create_filling, list_indices, restore_settings, to_filling_prefix
from streams.attributes import diff, to_type_names
from tests.integration.bare_bulks import CHAINS, to_shots, write_two_at_a_time
from tests.integration.large_sites import open_stack
from topics.names import TopicNames
from topics.snapshots import Snapshot

BARE: Final = "(a) two bare bulks at a time"
BARE_FILLING: Final = "(b) the same, into indices that are being filled"
REBUILD: Final = "rebuild"
_APPENDS_MAX: Final = 500


def to_settings(kafka: str, elasticsearch: str) -> Settings:
    """Return the settings of an installation of its own."""
    prefix = f"bench{uuid.uuid4().hex[:8]}"
    return Settings(
        kafka=kafka,
        elasticsearch=elasticsearch,
        topic_prefix=prefix,
        index_prefix=prefix,
        replication_factor=1,
        locales=tuple(CHAINS),
        locale_fallbacks={"fr_BE": "fr_FR"},
    )


async def append(settings: Settings, shots: Sequence[Snapshot]) -> None:
    """Put the types of attributes and all snapshots on Kafka."""
    topics = TopicNames(settings.topic_prefix)
    types = diff({}, to_type_names(map(show_attribute, ATTRIBUTES.values())))
    async with publisher_of(settings) as publisher:
        for key, value in types:
            await publisher.append(topics.reference, key=key, value=value, partition=0)
        for start in range(0, len(shots), _APPENDS_MAX):
            async with asyncio.TaskGroup() as group:
                for shot in shots[start : start + _APPENDS_MAX]:
                    group.create_task(
                        publisher.append(
                            topics.snapshots, key=shot.key.encode(), value=shot.to_json()
                        )
                    )


async def measure_round(settings: Settings, shots: list[Snapshot]) -> dict[str, float]:
    """Return the seconds that each way takes."""
    await set_up(settings)
    await append(settings, shots)
    async with elasticsearch_client(settings) as client:
        prefix = settings.index_prefix
        took_s = {BARE: await write_two_at_a_time(client, prefix, shots)}
        bare = await create_filling(client, f"{prefix}-bare", list(CHAINS), 1)
        filling = to_filling_prefix(f"{prefix}-bare")
        took_s[BARE_FILLING] = await write_two_at_a_time(client, filling, shots)
        await restore_settings(client, bare)
        since_s = time.perf_counter()
        done = await rebuild(settings, parallel=1, dry_run=False)
        took_s[REBUILD] = time.perf_counter() - since_s
        assert done["swapped"]
        assert done["sampled"]
        names = [
            name
            for each in (await list_indices(client, prefix, list(CHAINS))).values()
            for name in each
        ]
        counted = await client.count(index=list(done["indices"].values()))
        assert counted["count"] == len(shots) * len(CHAINS)
        await client.indices.delete(index=[*names, *bare.values(), f"control-{prefix}"])
    with kafka_admin(settings) as admin:
        admin.delete_topics([name for name in admin.list_topics() if name.startswith(prefix)])
    return took_s


async def measure(servers: tuple[str, str], documents: int, rounds: int) -> dict[str, float]:
    """Print each round; return the medians, in search documents per second."""
    shots = to_shots(documents)
    total = len(shots) * len(CHAINS)
    print(f"{total} search documents, {len(CHAINS)} locales")
    rates: dict[str, list[float]] = {}
    for number in range(rounds + 1):  # the first warms the server up
        for name, took_s in (await measure_round(to_settings(*servers), shots)).items():
            if number:
                rates.setdefault(name, []).append(total / took_s)
                print(f"  round {number}: {name}: {total / took_s:,.0f} documents/s", flush=True)
    return {name: round(statistics.median(found), 1) for name, found in rates.items()}


def to_lines(rates: Mapping[str, float]) -> list[str]:
    """Return what the medians say."""
    return [
        f"{name}: {rate:,.0f} documents/s; the rebuild is {rates[REBUILD] / rate:.2f} of it"
        for name, rate in rates.items()
    ]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    configure_logs(level="warning")
    with open_stack() as servers, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rates = runner.run(measure(servers, arguments.documents, arguments.rounds))
    print(*to_lines(rates), sep="\n")


if __name__ == "__main__":
    main()
