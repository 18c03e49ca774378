"""The examples of docs/searching.md are tried on a real server."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from elasticsearch import AsyncElasticsearch

from sinks.documents import project
from sinks.elasticsearch import ElasticsearchSink
from sinks.indices import ensure_indices
from sinks.mappings import to_mappings
from sinks.writes import to_write
from tests.sinks.cluster import Cluster
from tests.sinks.examples import NOW_S, snapshot

PAGE = Path(__file__).parents[2] / "docs" / "searching.md"
TEXT = PAGE.read_text()
EXAMPLES: list[dict[str, Any]] = [
    orjson.loads(example) for example in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
]


def test_every_field_is_described() -> None:
    described = {
        word.partition(".")[0]
        for line in TEXT.splitlines()
        if line.startswith("| `")
        for word in re.findall(r"`(\w[^`]*)`", line.split("|")[1])
    }

    assert described == to_mappings("fr_FR")["properties"].keys()


@pytest.mark.stack
def test_every_example_finds_the_skirt(cluster: Cluster) -> None:
    async def main(client: AsyncElasticsearch) -> list[int]:
        await ensure_indices(client, prefix=cluster.prefix, locales=["fr_FR"])
        alias = f"{cluster.prefix}-fr_fr"
        document = project(snapshot(), chain=("fr_FR",), types={}, indexed_s=NOW_S)
        await ElasticsearchSink(client).write([to_write(alias, "a", 1, document)])
        await client.indices.refresh(index=alias)
        answers = [await client.search(index=alias, body=example) for example in EXAMPLES]
        return [answer["hits"]["total"]["value"] for answer in answers]

    assert len(EXAMPLES) == 6
    assert cluster.run(main) == [1] * len(EXAMPLES)
