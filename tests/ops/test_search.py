import asyncio
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from ops.search import command
from runtime.errors import OperatorError, Unreachable
from sinks.documents import project
from sinks.elasticsearch import ElasticsearchSink, connect
from sinks.indices import ensure_indices
from sinks.writes import to_write
from stack.choose import Servers
from tests.sinks.cluster import Cluster, open_cluster
from tests.sinks.examples import NOW_S, SKIRT, snapshot

SKIRTS = {
    "short-skirt-yellow": SKIRT,
    "old-skirt": {**SKIRT, "isActive": False},
    "trousers": {
        "documentType": {"id": "color"},
        "attributes": {
            "color_name": {"fr_FR": "Pantalon vert"},
            "r_indicative_price": 120,
            "r_season": [{"code": "AW28", "labels": {"fr_FR": "Hiver 28"}}],
        },
    },
}


def search(cluster: Cluster, *arguments: str, fails: bool = False) -> Result:
    environ = {
        "QUINDEX_ELASTICSEARCH": cluster.address,
        "QUINDEX_INDEX_PREFIX": cluster.prefix,
        "QUINDEX_LOCALES": "fr_FR,en_GB",
    }
    result = CliRunner().invoke(command, arguments, env=environ)
    assert fails or result.exit_code == 0, result.output
    return result


async def fill(cluster: Cluster) -> None:
    async with connect(cluster.settings) as client:
        await ensure_indices(client, prefix=cluster.prefix, locales=["fr_FR"])
        alias = f"{cluster.prefix}-fr_fr"
        shots = [snapshot(code, resource=resource) for code, resource in SKIRTS.items()]
        shots.append(snapshot("gone", deleted=True))
        await ElasticsearchSink(client).write(
            [
                to_write(
                    alias,
                    shot.key,
                    shot.version,
                    project(shot, chain=("fr_FR",), types={}, indexed_s=NOW_S),
                )
                for shot in shots
            ]
        )
        await client.indices.refresh(index=alias)


@pytest.mark.stack
def test_a_shopper_finds_what_there_is(servers: Servers) -> None:
    def found(*arguments: str) -> list[str]:
        answer: dict[str, Any] = orjson.loads(search(cluster, *arguments, "--json").stdout)
        assert answer["total"] == len(answer["hits"])
        return sorted(hit["code"] for hit in answer["hits"])

    with open_cluster(servers.elasticsearch) as cluster:
        asyncio.run(fill(cluster))

        assert found() == ["short-skirt-yellow", "trousers"]
        assert found("jupes jaunes") == ["short-skirt-yellow"]
        assert found("pantal") == ["trousers"]
        assert found("légères") == ["short-skirt-yellow"]
        assert found("jupe verte") == []
        assert found("trousers") == ["trousers"]
        assert found("old-skirt", "--inactive") == ["old-skirt"]
        assert found("gone") == []
        assert found("--filter", "r_season=SS28") == ["short-skirt-yellow"]
        assert found("--filter", "r_season=Hiver 28") == ["trousers"]
        assert found("--filter", "r_indicative_price=100..") == ["trousers"]
        assert found("--filter", "classification=skirts") == ["short-skirt-yellow"]
        assert found("--filter", "link=col_ref:short-skirt") == ["short-skirt-yellow"]
        assert found("--kind", "asset") == []

        shown = search(cluster, "jupe", "--facet", "r_season", "--facet", "classification")
        assert shown.stdout.splitlines()[0].startswith(
            "Jupe courte jaune  document:short-skirt-yellow  ("
        )
        assert "          1  Été 28" in shown.stdout
        assert "          1  Jupes" in shown.stdout
        assert "1 found, 1 shown" in shown.stderr

        def codes(*arguments: str) -> list[str]:
            answer = orjson.loads(search(cluster, *arguments, "--json").stdout)
            return [hit["code"] for hit in answer["hits"]]

        assert codes("--sort", "name") == ["short-skirt-yellow", "trousers"]
        assert codes("--sort", "name:desc") == ["trousers", "short-skirt-yellow"]
        assert codes("--sort", "r_indicative_price:desc")[0] == "trousers"
        assert search(cluster, "--suggest", "jup cou").stdout == "Jupe courte jaune\n"
        assert search(cluster, "--suggest", "pan", "--json").stdout == '["Pantalon vert"]\n'

        missing = search(cluster, "x", "--locale", "en_GB", fails=True)
        assert isinstance(missing.exception, OperatorError)
        assert "quindex setup" in str(missing.exception)


def test_a_filter_needs_an_equals_sign() -> None:
    result = search(Cluster("http://127.0.0.1:9", "p"), "--filter", "color", fails=True)

    assert result.exit_code == 2
    assert "ATTRIBUTE=VALUE" in result.output


def test_a_server_that_does_not_answer_is_told() -> None:
    result = search(Cluster("http://127.0.0.1:9", "p"), "x", fails=True)

    assert isinstance(result.exception, Unreachable)
