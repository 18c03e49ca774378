"""Whatever the PIM holds is in the index: nothing in a resource makes Elasticsearch refuse it."""

from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.attribute_types import AttributeType
from sinks.documents import project
from sinks.elasticsearch import ElasticsearchSink
from sinks.indices import ensure_indices
from sinks.reading import read_live
from sinks.writes import Verdict, Write, to_write
from tests.sinks.cluster import Cluster
from tests.sinks.examples import NOW_S, SKIRT, snapshot
from tests.sinks.test_documents import HOSTILE, HOSTILE_TEXT

pytestmark = pytest.mark.stack

NESTED: Any = "deep"
for _ in range(30):
    NESTED = {"x": [NESTED]}

VALUES: list[Any] = [
    "text",
    12,
    12.5,
    True,
    "2023-11-09",
    {"fr_FR": "texte"},
    {"code": "red"},
    [{"code": "red", "labels": {"fr_FR": "Jaune"}}],
    {"a": {"b": "c"}},
    ["a", 1, True, {"code": "x"}],
    "x" * 40_000,
    "\x00\x01\x1f",
    "lone \ud800",
    10**400,
    -(2**63),
    1e308,
    "0000-00-00",
    "9999-12-31T23:59:59-12:00",
    "é" * 20_000,
    NESTED,
]
CODES = [
    "same",
    "",
    " ",
    ".",
    "a.b",
    "..",
    "*",
    "a*",
    "_id",
    "text",
    "choice",
    "x" * 40_000,
    "\ud800",
]


def write(alias: str, number: int, attributes: dict[str, Any]) -> Write:
    shot = snapshot(f"code-{number}", resource={**SKIRT, "attributes": attributes})
    types = {"same": AttributeType.NUMBER} if number % 2 else {}
    document = project(shot, chain=("fr_FR",), types=types, indexed_s=NOW_S)
    return to_write(alias, f"document:{shot.code}", 1, document)


def write_all(cluster: Cluster, catalogs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    async def main(client: AsyncElasticsearch) -> dict[str, dict[str, Any]]:
        await ensure_indices(client, prefix=cluster.prefix, locales=["fr_FR"])
        alias = f"{cluster.prefix}-fr_fr"
        writes = [write(alias, number, each) for number, each in enumerate(catalogs)]
        answers = await ElasticsearchSink(client).write(writes)
        assert {(answer.verdict, answer.error) for answer in answers} == {(Verdict.OK, "")}
        return await read_live(client, alias)

    return cluster.run(main)


def test_an_attribute_may_change_its_type_with_every_document(cluster: Cluster) -> None:
    stored = write_all(cluster, [{"same": value, "kept": "yes"} for value in VALUES])

    assert len(stored) == len(VALUES)
    assert all(each["attributes"]["kept"] == {"text": "yes"} for each in stored.values())


def test_a_code_may_hold_any_character(cluster: Cluster) -> None:
    stored = write_all(cluster, [dict.fromkeys(CODES, value) for value in ("t", 1, True)])

    assert [len(each["attributes"]) for each in stored.values()] == [len(CODES)] * 3


def test_more_attributes_than_fields_are_kept_and_found_by_full_text(cluster: Cluster) -> None:
    many = {f"attribute_{number}": {"fr_FR": f"valeur{number}"} for number in range(5_000)}
    stored = write_all(cluster, [many, {"late": {"fr_FR": "tardif"}}, many])

    assert sorted(len(each["attributes"]) for each in stored.values()) == [1, 5_000, 5_000]

    async def count(client: AsyncElasticsearch) -> list[int]:
        return [
            (await client.count(index=f"{cluster.prefix}-fr_fr", query=query))["count"]
            for query in (
                {"match": {"text": "valeur4999"}},
                {"match": {"text": "tardif"}},
                {"match": {"attributes.attribute_0.text": "valeur0"}},
            )
        ]

    assert cluster.run(count) == [2, 1, 2]


def test_any_catalog_is_taken(cluster: Cluster) -> None:
    catalog = st.dictionaries(st.sampled_from(CODES) | HOSTILE_TEXT, HOSTILE, max_size=6)

    @settings(
        max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.lists(catalog, min_size=10, max_size=10))
    def take(catalogs: list[dict[str, Any]]) -> None:
        assert len(write_all(cluster, catalogs)) >= 10

    take()
