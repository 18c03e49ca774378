import pytest
from elasticsearch import ApiError, AsyncElasticsearch

from runtime.errors import OperatorError, Refused, Unreachable
from runtime.settings import Settings
from sinks.cluster_errors import to_operator_error
from sinks.elasticsearch import ElasticsearchSink, connect
from sinks.epochs import StoredEpoch, raise_epoch, read_ends, read_epoch, read_versions
from sinks.indices import check_server, ensure_indices, read_indices
from sinks.writes import Verdict, to_write
from tests.sinks.away import create_away
from tests.sinks.cluster import LOCALES, Cluster

pytestmark = pytest.mark.stack


def set_up(cluster: Cluster, *locales: str) -> list[str]:
    return cluster.run(
        lambda client: ensure_indices(client, prefix=cluster.prefix, locales=locales or LOCALES)
    )


def test_the_server_is_one_that_the_client_can_talk_to(cluster: Cluster) -> None:
    assert cluster.run(check_server).startswith("9.")


def test_a_server_that_does_not_answer_is_told(cluster: Cluster) -> None:
    elsewhere = Cluster("http://127.0.0.1:9", cluster.prefix)

    with pytest.raises(Unreachable, match="QUINDEX_ELASTICSEARCH"):
        elsewhere.run(check_server)
    with pytest.raises(Unreachable):
        set_up(elsewhere)


def test_setting_up_twice_changes_nothing_the_second_time(cluster: Cluster) -> None:
    prefix = cluster.prefix

    assert set_up(cluster) == [
        f"created index control-{prefix}",
        f"created index {prefix}-fr_fr-000001 with alias {prefix}-fr_fr",
        f"created index {prefix}-en_gb-000001 with alias {prefix}-en_gb",
    ]
    assert set_up(cluster) == []
    assert set_up(cluster, *LOCALES, "de_DE") == [
        f"created index {prefix}-de_de-000001 with alias {prefix}-de_de"
    ]


def test_an_alias_that_is_missing_is_put_back(cluster: Cluster) -> None:
    set_up(cluster)
    index, alias = f"{cluster.prefix}-fr_fr-000001", f"{cluster.prefix}-fr_fr"
    cluster.run(lambda client: client.indices.delete_alias(index=index, name=alias))

    assert set_up(cluster) == [f"put alias {alias} on the index {index} that was there"]
    assert cluster.run(lambda client: read_indices(client, alias)) == [index]


def test_a_filter_that_is_missing_is_put_back(cluster: Cluster) -> None:
    set_up(cluster)
    index, alias = f"{cluster.prefix}-fr_fr-000001", f"{cluster.prefix}-fr_fr"
    cluster.run(lambda client: client.indices.put_alias(index=index, name=alias))

    assert set_up(cluster) == [
        f"{index}: changed in place, since the alias does not hide deleted resources"
    ]
    assert set_up(cluster) == []


def test_an_index_in_the_place_of_an_alias_is_refused(cluster: Cluster) -> None:
    cluster.run(lambda client: client.indices.create(index=f"{cluster.prefix}-fr_fr"))

    with pytest.raises(Refused, match="needs as an alias"):
        set_up(cluster)


def test_an_index_that_is_not_ours_is_refused(cluster: Cluster) -> None:
    cluster.run(lambda client: client.indices.create(index=f"{cluster.prefix}-fr_fr-000001"))

    with pytest.raises(Refused, match="was not made by quindex"):
        set_up(cluster)


def test_an_alias_of_two_indices_is_refused_and_writes_through_it_stop(cluster: Cluster) -> None:
    set_up(cluster)
    alias = f"{cluster.prefix}-fr_fr"

    async def add_index(client: AsyncElasticsearch) -> Verdict:
        await client.indices.create(index=f"{alias}-000002", aliases={alias: {}})
        [answer] = await ElasticsearchSink(client).write([to_write(alias, "a", 1, {"code": "a"})])
        return answer.verdict

    assert cluster.run(add_index) is Verdict.STOP
    with pytest.raises(Refused, match="several indices"):
        set_up(cluster)


def test_an_index_of_another_mapping_needs_a_rebuild(cluster: Cluster) -> None:
    set_up(cluster)
    index = f"{cluster.prefix}-fr_fr-000001"
    meta = {"quindex": {"schema": 0}}
    cluster.run(lambda client: client.indices.put_mapping(index=index, meta=meta))

    with pytest.raises(Refused, match="quindex rebuild"):
        set_up(cluster)


def test_locales_that_would_share_an_index_are_refused(cluster: Cluster) -> None:
    with pytest.raises(Refused, match="differ by case"):
        set_up(cluster, "fr_FR", "fr_fr")


@pytest.mark.parametrize(
    ("given", "scheme"),
    [
        ({"elasticsearch_api_key": "aWQ6a2V5"}, "ApiKey "),
        ({"elasticsearch_username": "u", "elasticsearch_password": "p"}, "Basic "),
    ],
)
def test_credentials_are_sent(cluster: Cluster, given: dict[str, str], scheme: str) -> None:
    settings = Settings.model_validate({"elasticsearch": cluster.address, **given})

    async def send(_: AsyncElasticsearch) -> str:
        async with connect(settings) as client:
            headers = client._headers  # noqa: SLF001  # a node without security takes any
            return str(headers["authorization"])

    assert cluster.run(send).startswith(scheme)


def test_an_epoch_is_raised_by_one_only(cluster: Cluster) -> None:
    set_up(cluster)
    prefix = cluster.prefix

    async def race(client: AsyncElasticsearch) -> None:
        assert await read_epoch(client, prefix) is None
        assert await raise_epoch(client, prefix, 1, {"topic": "x"}, seen=None)
        assert not await raise_epoch(client, prefix, 1, {"topic": "y"}, seen=None)
        seen = await read_epoch(client, prefix)
        assert isinstance(seen, StoredEpoch)
        assert (seen.epoch, seen.stands_for) == (1, {"topic": "x"})
        assert await raise_epoch(client, prefix, 2, {"topic": "y"}, seen=seen)
        assert not await raise_epoch(client, prefix, 3, {"topic": "z"}, seen=seen)
        newest = await read_epoch(client, prefix)
        assert newest is not None
        assert newest.epoch == 2

    cluster.run(race)


def test_without_a_control_index_there_is_no_epoch(cluster: Cluster) -> None:
    assert cluster.run(lambda client: read_epoch(client, cluster.prefix)) is None


def test_the_greatest_versions_are_exact_and_include_tombstones(cluster: Cluster) -> None:
    set_up(cluster)
    alias, high = f"{cluster.prefix}-fr_fr", (1 << 62) + 1

    async def write(client: AsyncElasticsearch) -> dict[int, int]:
        assert await read_ends(client, f"{alias}-0*") == {}
        writes = [
            to_write(
                alias,
                str(version),
                version,
                {"deleted": deleted, "sync": {"version": version, "partition": partition}},
            )
            for version, partition, deleted in (
                (high, 3, True),
                (high - 1, 3, False),
                (7, 0, False),
            )
        ]
        await ElasticsearchSink(client).write(writes)
        await client.indices.refresh(index=alias)
        return await read_ends(client, f"{alias}-0*")

    assert cluster.run(write) == {3: high, 0: 7}


async def write_beside_one_away(client: AsyncElasticsearch, alias: str) -> None:
    """Write version 7 of partition 0 to the live index; the next generation does not answer."""
    document = {"deleted": False, "sync": {"version": 7, "partition": 0}}
    await ElasticsearchSink(client).write([to_write(alias, "a", 7, document)])
    await client.indices.refresh(index=alias)
    await create_away(client, f"{alias}-000002")


def test_a_greatest_version_that_may_lie_on_a_shard_that_is_away_is_not_known(
    cluster: Cluster,
) -> None:
    set_up(cluster)
    alias = f"{cluster.prefix}-fr_fr"

    async def read(client: AsyncElasticsearch) -> OperatorError:
        await write_beside_one_away(client, alias)
        with pytest.raises(ApiError) as caught:
            await read_ends(client, f"{alias}-0*")
        return to_operator_error(caught.value)

    assert isinstance(cluster.run(read), Unreachable)


def test_an_index_that_nobody_reads_may_be_away_and_one_that_is_read_may_not(
    cluster: Cluster,
) -> None:
    set_up(cluster)
    alias = f"{cluster.prefix}-fr_fr"

    async def check(client: AsyncElasticsearch) -> None:
        await write_beside_one_away(client, alias)
        assert await read_versions(client, cluster.prefix, LOCALES) == {0: 7}

        add = {"index": f"{alias}-000002", "alias": alias}
        remove = {"index": f"{alias}-000001", "alias": alias}
        await client.indices.update_aliases(actions=[{"remove": remove}, {"add": add}])
        with pytest.raises(ApiError):
            await read_versions(client, cluster.prefix, LOCALES)

    cluster.run(check)


def test_a_refusal_of_the_server_is_told(cluster: Cluster) -> None:
    async def create(client: AsyncElasticsearch) -> OperatorError:
        with pytest.raises(ApiError) as caught:
            await client.indices.create(index=f"{cluster.prefix}-UPPER")
        return to_operator_error(caught.value)

    assert "invalid_index_name_exception" in str(cluster.run(create))
    with pytest.raises(OperatorError, match="answered 400"):
        cluster.run(
            lambda client: ensure_indices(client, prefix=f"{cluster.prefix}-UPPER", locales=LOCALES)
        )
