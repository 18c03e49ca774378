"""
What a real server answers, and what becomes of the write.

An expired key, a bulk that is too large and a breaker that opens are in test_refusals: a test node
has no security, and the other two would take down what other tests rely on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch

from sinks.elasticsearch import ElasticsearchSink
from sinks.indices import ensure_indices
from sinks.writes import Answer, Verdict, Write, to_write
from tests.sinks.cluster import Cluster

pytestmark = pytest.mark.stack


@asynccontextmanager
async def set_up(client: AsyncElasticsearch, cluster: Cluster) -> AsyncIterator[str]:
    await ensure_indices(client, prefix=cluster.prefix, locales=["fr_FR"])
    yield f"{cluster.prefix}-fr_fr"


def write(cluster: Cluster, *writes: Write) -> list[Answer]:
    async def main(client: AsyncElasticsearch) -> list[Answer]:
        async with set_up(client, cluster):
            return await ElasticsearchSink(client).write(writes)

    return cluster.run(main)


def to_plain(cluster: Cluster, id_: str = "a", version: int = 2, **fields: Any) -> Write:
    return to_write(f"{cluster.prefix}-fr_fr", id_, version, {"code": id_, **fields})


def test_an_older_version_is_stale_and_an_equal_one_is_written(cluster: Cluster) -> None:
    def verdicts(version: int) -> list[Verdict]:
        return [each.verdict for each in write(cluster, to_plain(cluster, version=version))]

    assert [verdicts(version) for version in (2, 2, 1, 3)] == [
        [Verdict.OK],
        [Verdict.OK],
        [Verdict.STALE],
        [Verdict.OK],
    ]


def test_a_document_that_cannot_be_parsed_is_dead_alone(cluster: Cluster) -> None:
    broken = Write(f"{cluster.prefix}-fr_fr", "b", 1, b'{"kind": ')
    answers = write(cluster, to_plain(cluster), broken, to_plain(cluster, "c"))

    assert [each.verdict for each in answers] == [Verdict.OK, Verdict.DEAD, Verdict.OK]
    assert answers[1].reason == "document_parsing_exception"


def test_a_term_that_is_too_long_is_dead_alone(cluster: Cluster) -> None:
    answers = write(cluster, to_plain(cluster), to_plain(cluster, "b", kind="x" * 40_000))

    assert [each.verdict for each in answers] == [Verdict.OK, Verdict.DEAD]
    assert "immense term" in answers[1].error or "bytes" in answers[1].error


def test_an_id_that_is_too_long_is_dead_alone(cluster: Cluster) -> None:
    answers = write(
        cluster, to_plain(cluster), to_plain(cluster, "x" * 600), to_plain(cluster, "c")
    )

    assert [each.verdict for each in answers] == [Verdict.OK, Verdict.DEAD, Verdict.OK]


def test_a_missing_alias_stops_the_stage(cluster: Cluster) -> None:
    [answer] = write(cluster, to_write(f"{cluster.prefix}-de_de", "a", 1, {"code": "a"}))

    assert answer.verdict is Verdict.STOP
    assert "alias" in answer.error


def test_a_write_block_is_waited_for(cluster: Cluster) -> None:
    async def main(client: AsyncElasticsearch) -> Answer:
        async with set_up(client, cluster) as alias:
            await client.indices.add_block(index=f"{alias}-000001", block="write")
            [answer] = await ElasticsearchSink(client).write([to_plain(cluster)])
            return answer

    assert cluster.run(main).verdict is Verdict.AGAIN
