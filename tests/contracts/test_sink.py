"""What a sink promises: the one in memory and Elasticsearch alike."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import pytest

from sinks.elasticsearch import ElasticsearchSink, connect
from sinks.indices import ensure_indices
from sinks.memory import MemorySink
from sinks.reading import read_all
from sinks.writes import Answer, Sink, Verdict, Write, to_write
from stack.choose import Servers
from tests.simulated.cluster import Cluster as SimulatedCluster
from tests.simulated.cluster import ClusterClient
from tests.simulated.network import Line
from tests.sinks.cluster import LOCALES, Cluster, open_cluster
from tests.virtual_time import run_virtually

Result = TypeVar("Result")
Work = Callable[[Sink], Awaitable[Result]]


@dataclass
class InMemory:
    """The fake."""

    sink: MemorySink
    alias: str = "quindex-fr_fr"

    def write(self, *batches: list[Write]) -> list[list[Answer]]:
        async def main() -> list[list[Answer]]:
            return [await self.sink.write(batch) for batch in batches]

        return asyncio.run(main())

    def stored(self) -> dict[str, dict[str, Any]]:
        return self.sink.of(self.alias)


@dataclass
class InElasticsearch:
    """The real thing."""

    cluster: Cluster

    @property
    def alias(self) -> str:
        return f"{self.cluster.prefix}-fr_fr"

    def write(self, *batches: list[Write]) -> list[list[Answer]]:
        async def main() -> list[list[Answer]]:
            async with connect(self.cluster.settings) as client:
                sink: Sink = ElasticsearchSink(client)
                return [await sink.write(batch) for batch in batches]

        return asyncio.run(main())

    def stored(self) -> dict[str, dict[str, Any]]:
        async def main() -> dict[str, dict[str, Any]]:
            async with connect(self.cluster.settings) as client:
                return {id_: document async for id_, document in read_all(client, self.alias)}

        return asyncio.run(main())


@dataclass
class InSimulation:
    """The real sink on the cluster of simulated time."""

    cluster: SimulatedCluster
    alias: str = "quindex-fr_fr"

    def write(self, *batches: list[Write]) -> list[list[Answer]]:
        async def main() -> list[list[Answer]]:
            line = Line(Random(1))  # noqa: S311  # delays, not secrets
            client: Any = ClusterClient(self.cluster, line.send, line.receive)
            return [await ElasticsearchSink(client).write(batch) for batch in batches]

        return run_virtually(main())

    def stored(self) -> dict[str, dict[str, Any]]:
        return self.cluster.live(self.alias)


Subject = InMemory | InElasticsearch | InSimulation


@pytest.fixture(
    params=["memory", "simulation", pytest.param("elasticsearch", marks=pytest.mark.stack)]
)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "memory":
        yield InMemory(MemorySink({"quindex-fr_fr", "quindex-en_gb"}))
        return
    if request.param == "simulation":
        aliases = ("quindex-fr_fr", "quindex-en_gb")
        yield InSimulation(SimulatedCluster(lambda: 0.0, aliases, lambda *_: None))
        return
    servers: Servers = request.getfixturevalue("servers")
    with open_cluster(servers.elasticsearch) as cluster:
        cluster.run(lambda client: ensure_indices(client, prefix=cluster.prefix, locales=LOCALES))
        yield InElasticsearch(cluster)


def document(subject: Subject, id_: str, version: int, *, deleted: bool = False) -> Write:
    name = f"{id_} {version}"
    return to_write(subject.alias, id_, version, {"name": name, "deleted": deleted})


def verdicts(answers: list[list[Answer]]) -> list[list[Verdict]]:
    return [[answer.verdict for answer in batch] for batch in answers]


def test_the_answers_come_by_position(subject: Subject) -> None:
    answers = subject.write(
        [document(subject, "a", 5)],
        [document(subject, "b", 1), document(subject, "a", 4), document(subject, "c", 1)],
    )

    assert verdicts(answers) == [[Verdict.OK], [Verdict.OK, Verdict.STALE, Verdict.OK]]


def test_a_newer_version_wins_and_an_equal_one_is_written_again(subject: Subject) -> None:
    equal = to_write(subject.alias, "b", 5, {"name": "again", "deleted": False})
    answers = subject.write(
        [document(subject, "a", 5), document(subject, "b", 5)],
        [document(subject, "a", 6), equal],
        [document(subject, "a", 5)],
    )

    assert verdicts(answers) == [[Verdict.OK] * 2, [Verdict.OK] * 2, [Verdict.STALE]]
    assert {id_: each["name"] for id_, each in subject.stored().items()} == {
        "a": "a 6",
        "b": "again",
    }


def test_a_tombstone_is_not_seen_and_guards_its_version(subject: Subject) -> None:
    answers = subject.write(
        [document(subject, "a", 5)],
        [document(subject, "a", 7, deleted=True)],
        [document(subject, "a", 6)],
    )

    assert verdicts(answers) == [[Verdict.OK], [Verdict.OK], [Verdict.STALE]]
    assert subject.stored() == {}


def test_a_version_may_have_63_bits(subject: Subject) -> None:
    high = (1 << 63) - 2
    answers = subject.write([document(subject, "a", high)], [document(subject, "a", high - 1)])

    assert verdicts(answers) == [[Verdict.OK], [Verdict.STALE]]


def test_poison_costs_only_itself(subject: Subject) -> None:
    poison = Write(subject.alias, "p", 1, b"{nope")
    answers = subject.write([document(subject, "a", 1), poison, document(subject, "b", 1)])

    assert verdicts(answers) == [[Verdict.OK, Verdict.DEAD, Verdict.OK]]
    assert answers[0][1].reason == "document_parsing_exception"
    assert answers[0][1].error
    assert subject.stored().keys() == {"a", "b"}


def test_an_id_that_is_too_long_costs_only_itself(subject: Subject) -> None:
    batch = [document(subject, id_, 1) for id_ in ("a", "b", "x" * 513, "c", "y" * 512)]
    answers = subject.write(batch)

    assert verdicts(answers)[0][2] is Verdict.DEAD
    assert answers[0][2].reason == "action_request_validation_exception"
    assert len(subject.stored()) == 4


def test_a_missing_alias_stops_everything(subject: Subject) -> None:
    missing = to_write(f"{subject.alias}-gone", "a", 1, {"name": "a", "deleted": False})
    answers = subject.write([document(subject, "a", 1), missing])

    assert verdicts(answers) == [[Verdict.OK, Verdict.STOP]]
    assert answers[0][1].reason == "index_not_found_exception"
