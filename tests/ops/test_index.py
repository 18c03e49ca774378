"""quindex index, as an operator runs it."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from elasticsearch import AsyncElasticsearch

from ops.index import command
from runtime.errors import Refused, SettingsInvalid, Unreachable
from sinks.fields import to_alias
from sinks.generations import to_filling_prefix
from sinks.indices import ensure_indices
from tests.sinks.cluster import Cluster
from tests.sinks.conftest import cluster

__all__ = ["cluster"]  # the fixture

pytestmark = pytest.mark.stack


def run(cluster: Cluster, *arguments: str, fails: bool = False, rules: str = "") -> Result:
    environ = {
        "QUINDEX_ELASTICSEARCH": cluster.address,
        "QUINDEX_INDEX_PREFIX": cluster.prefix,
        "QUINDEX_LOCALES": "fr_FR",
        "QUINDEX_ATTRIBUTES": rules,
    }
    result = CliRunner().invoke(command, arguments, env=environ)
    assert fails or result.exit_code == 0, result.output
    return result


def to_plans(result: Result) -> list[dict[str, Any]]:
    plans: list[dict[str, Any]] = orjson.loads(result.stdout)["plans"]
    return plans


def test_a_plan_says_what_is_needed_and_which_command_does_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    index = f"{cluster.prefix}-fr_fr-000001"
    assert "create: quindex setup" in run(cluster, "plan").stdout
    cluster.run(lambda client: ensure_indices(client, prefix=cluster.prefix, locales=["fr_FR"]))
    assert run(cluster, "plan").stdout == f"{index} (fr_FR): nothing\n"

    rules = tmp_path / "attributes.toml"
    rules.write_text("[attributes.color]\nsortable = true\n")
    given = str(rules)
    planned = run(cluster, "plan", rules=given).stdout
    assert "in place: new attributes would get other fields (stops the workers)" in planned
    assert planned.endswith("in place: quindex index apply\n")
    assert run(cluster, "apply", "--dry-run", rules=given).stdout == planned
    assert index in run(cluster, "apply", rules=given).stdout
    assert to_plans(run(cluster, "plan", "--json", rules=given))[0]["step"] == "nothing"
    assert run(cluster, "apply", rules=given).stdout == "nothing to change in place\n"

    meta = {"quindex": {"schema": 0, "locale": "fr_FR"}}
    cluster.run(lambda client: client.indices.put_mapping(index=index, meta=meta))
    applied = orjson.loads(run(cluster, "apply", "--json", rules=given).stdout)
    assert applied["plans"][0]["step"] == "rebuild"
    assert "rebuild: quindex rebuild" in run(cluster, "apply", rules=given).stdout


def test_indices_are_listed_and_what_nobody_uses_is_dropped(cluster: Cluster) -> None:
    locales = ["fr_FR", "en_GB"]
    cluster.run(lambda client: ensure_indices(client, prefix=cluster.prefix, locales=locales))
    french, english = (f"{cluster.prefix}-{each.lower()}-000001" for each in locales)
    cluster.run(lambda client: client.indices.create(index=f"{cluster.prefix}-fr_fr-000002"))

    listed = orjson.loads(run(cluster, "list", "--json").stdout)["indices"]
    assert [(each["index"], each["live"]) for each in listed] == [
        (french, True),
        (f"{cluster.prefix}-fr_fr-000002", False),
    ]
    assert f"{french}  live  0 documents" in run(cluster, "list").stdout
    assert f"{english} (en_GB): left over" in run(cluster, "plan").stdout

    live = run(cluster, "drop", french, fails=True)
    assert isinstance(live.exception, Refused)
    foreign = run(cluster, "drop", f"{cluster.prefix}-fr_fr-000002", fails=True)
    assert isinstance(foreign.exception, Refused)
    other = Cluster(cluster.address, f"{cluster.prefix}-other")
    elsewhere = run(other, "drop", english, fails=True)
    assert isinstance(elsewhere.exception, Refused)
    assert "another installation's" in str(elsewhere.exception)
    filling = to_alias(to_filling_prefix(cluster.prefix), "en_GB")
    cluster.run(lambda client: client.indices.put_alias(index=english, name=filling))
    busy = run(cluster, "drop", english, fails=True)
    assert "is being filled" in str(busy.exception)
    cluster.run(lambda client: client.indices.delete_alias(index=english, name=filling))
    assert run(cluster, "drop", english, "--dry-run").stdout == f"would delete {english}\n"
    assert run(cluster, "drop", english).stdout == f"deleted {english}\n"
    assert "left over" not in run(cluster, "plan").stdout


def test_only_what_is_named_in_full_is_dropped(cluster: Cluster) -> None:
    cluster.run(lambda client: ensure_indices(client, prefix=cluster.prefix, locales=["fr_FR"]))
    index, alias = f"{cluster.prefix}-fr_fr-000001", f"{cluster.prefix}-fr_fr"

    for name in (f"{cluster.prefix}-xx-*", f"{cluster.prefix}-*", f"{cluster.prefix}-xx", "", "*"):
        refused = run(cluster, "drop", "--dry-run", "--", name, fails=True)
        assert isinstance(refused.exception, Refused), refused.output
        assert "is named in full" in str(refused.exception)
        assert refused.stdout == ""
    of_an_alias = run(cluster, "drop", alias, fails=True)
    assert isinstance(of_an_alias.exception, Refused)
    assert f"{alias} is an alias, of {index}" in str(of_an_alias.exception)


def test_tombstones_are_no_documents_and_a_closed_index_is_listed_as_such(
    cluster: Cluster,
) -> None:
    cluster.run(lambda client: ensure_indices(client, prefix=cluster.prefix, locales=["fr_FR"]))
    live, kept = (f"{cluster.prefix}-fr_fr-00000{number}" for number in (1, 2))
    meta = {"_meta": {"quindex": {"locale": "fr_FR"}}}

    async def prepare(client: AsyncElasticsearch) -> None:
        for code, is_deleted in (("a", False), ("b", False), ("gone", True)):
            await client.index(index=live, id=code, document={"deleted": is_deleted}, refresh=True)
        await client.indices.create(index=kept, mappings=meta)
        await client.indices.close(index=kept)

    cluster.run(prepare)
    first, second = orjson.loads(run(cluster, "list", "--json").stdout)["indices"]
    said = run(cluster, "list").stdout

    assert (first["documents"], first["closed"]) == (2, False)
    assert (second["index"], second["documents"], second["closed"]) == (kept, None, True)
    assert f"{live}  live  2 documents  " in said
    assert f"{kept}  kept  closed" in said
    assert run(cluster, "drop", kept).stdout == f"deleted {kept}\n"


def test_what_cannot_be_done_is_told(cluster: Cluster, tmp_path: Path) -> None:
    elsewhere = Cluster("http://127.0.0.1:9", cluster.prefix)
    missing = str(tmp_path / "none.toml")

    assert isinstance(run(elsewhere, "plan", fails=True).exception, Unreachable)
    wrong = run(cluster, "plan", fails=True, rules=missing)
    assert isinstance(wrong.exception, SettingsInvalid)
