"""quindex index plan is right about an index of a real server, whatever has changed."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch

from runtime.errors import Refused, Unreachable
from sinks.attribute_rules import NO_RULES, AttributeRules, parse_rules
from sinks.attribute_types import AttributeType
from sinks.documents import project
from sinks.elasticsearch import ElasticsearchSink
from sinks.indices import ensure_indices
from sinks.plan import LocalePlan, Step
from sinks.planning import apply_in_place, check_writable, read_plans
from sinks.writes import Verdict, to_write
from tests.sinks.cluster import Cluster
from tests.sinks.examples import NOW_S, snapshot

pytestmark = pytest.mark.stack

RULES = """
[attributes.color_name]
boost = 2
name = true
[attributes.r_indicative_price]
type = "number"
[attributes.color_long_name]
facet = false
sortable = true
"""
Edit = Callable[[AsyncElasticsearch, str], Awaitable[object]]


class Case:
    """An index with one document in it, and what the planner says of it."""

    def __init__(self, cluster: Cluster, rules: AttributeRules = NO_RULES) -> None:
        self.cluster, self.made_by = cluster, rules
        self.alias = f"{cluster.prefix}-fr_fr"
        self.index = f"{self.alias}-000001"

    def fill(self) -> "Case":
        async def main(client: AsyncElasticsearch) -> None:
            await ensure_indices(
                client, prefix=self.cluster.prefix, locales=["fr_FR"], rules=self.made_by
            )
            document = project(
                snapshot(), chain=("fr_FR",), types={}, indexed_s=NOW_S, rules=self.made_by
            )
            [answer] = await ElasticsearchSink(client).write(
                [to_write(self.alias, "a", 1, document)]
            )
            assert answer.verdict is Verdict.OK

        self.cluster.run(main)
        return self

    def edit(self, edit: Edit) -> "Case":
        self.cluster.run(lambda client: edit(client, self.index))
        return self

    def plan(
        self,
        *locales: str,
        rules: AttributeRules | None = None,
        types: Mapping[str, AttributeType] | None = None,
    ) -> list[LocalePlan]:
        return self.cluster.run(
            lambda client: read_plans(
                client,
                prefix=self.cluster.prefix,
                locales=locales or ["fr_FR"],
                rules=self.made_by if rules is None else rules,
                types=types,
            )
        )

    def apply(self, rules: AttributeRules | None = None) -> list[str]:
        async def main(client: AsyncElasticsearch) -> list[str]:
            chosen = self.made_by if rules is None else rules
            [plan] = await read_plans(
                client, prefix=self.cluster.prefix, locales=["fr_FR"], rules=chosen
            )
            return await apply_in_place(client, plan, chosen)

        return self.cluster.run(main)


@pytest.fixture
def case(cluster: Cluster) -> Case:
    return Case(cluster).fill()


def says(plan: LocalePlan, words: str) -> bool:
    return any(words in change.what for change in plan.changes)


@pytest.mark.parametrize("rules", ["", RULES])
def test_nothing_changed(cluster: Cluster, rules: str) -> None:
    [plan] = Case(cluster, parse_rules(rules)).fill().plan()

    assert plan.changes == ()
    assert plan.step is Step.NOTHING


@pytest.mark.parametrize("locale", ["de_DE", "en_GB", "ja_JP", "sv_SE", "xx_XX", "pt_BR"])
def test_nothing_changed_in_any_language(cluster: Cluster, locale: str) -> None:
    cluster.run(lambda client: ensure_indices(client, prefix=cluster.prefix, locales=[locale]))
    [plan] = Case(cluster).plan(locale)

    assert plan.changes == ()


def test_an_attribute_that_the_pim_added_needs_nothing(case: Case) -> None:
    [plan] = case.plan(types={"new_one": AttributeType.NUMBER})

    assert plan.step is Step.NOTHING


def test_a_rule_for_an_attribute_that_no_document_has_is_made_in_place(case: Case) -> None:
    rules = parse_rules("[attributes.new_one]\nsortable = true")
    [plan] = case.plan(rules=rules)

    assert (plan.step, plan.loses) == (Step.IN_PLACE, True)
    with pytest.raises(Refused, match="quindex index apply"):
        check_writable([plan])
    assert case.apply(rules)
    assert case.plan(rules=rules)[0].changes == ()
    assert case.apply(rules) == []


def test_a_type_that_the_pim_changed_needs_a_rebuild_and_stops_nobody(case: Case) -> None:
    [plan] = case.plan(types={"r_indicative_price": AttributeType.TEXT})

    assert (plan.step, plan.loses) == (Step.REBUILD, False)
    assert says(plan, "r_indicative_price is of type text now, and lies there as number")
    check_writable([plan])


def test_a_type_that_the_file_changed_needs_a_rebuild(case: Case) -> None:
    rules = parse_rules('[attributes.r_indicative_price]\ntype = "choice"')
    [plan] = case.plan(rules=rules)

    assert (plan.step, plan.loses) == (Step.REBUILD, False)
    assert case.apply(rules) == []
    assert case.plan(rules=rules)[0].step is Step.REBUILD


def test_a_boost_changes_no_index(case: Case) -> None:
    [plan] = case.plan(rules=parse_rules("[attributes.color_name]\nboost = 9"))

    assert plan.step is Step.NOTHING


def test_a_locale_that_was_added_has_no_index_yet(case: Case) -> None:
    french, english = case.plan("fr_FR", "en_GB")

    assert (french.step, english.step) == (Step.NOTHING, Step.CREATE)
    with pytest.raises(Unreachable, match="quindex setup"):
        check_writable([french, english])


def test_a_locale_that_was_removed_is_left_over(case: Case) -> None:
    case.cluster.run(
        lambda client: ensure_indices(client, prefix=case.cluster.prefix, locales=["en_GB"])
    )
    english, french = case.plan("en_GB")

    assert (english.step, french.step) == (Step.NOTHING, Step.LEFT_OVER)
    assert french.index == case.index
    check_writable([english, french])


def test_another_analyzer_needs_a_rebuild_and_stops_nobody(case: Case) -> None:
    async def analyse_otherwise(client: AsyncElasticsearch, index: str) -> None:
        await client.indices.close(index=index)
        analysis = {"analyzer": {"words": {"filter": ["lowercase"]}}}
        await client.indices.put_settings(index=index, settings={"analysis": analysis})
        await client.indices.open(index=index)

    [plan] = case.edit(analyse_otherwise).plan()

    assert (plan.step, plan.loses) == (Step.REBUILD, False)
    assert says(plan, "analyzer.words")


def put(**mapping: Any) -> Edit:
    return lambda client, index: client.indices.put_mapping(index=index, **mapping)


def put_settings(**settings: Any) -> Edit:
    return lambda client, index: client.indices.put_settings(index=index, settings=settings)


@pytest.mark.parametrize(
    ("edit", "loses", "words"),
    [
        (put(dynamic="strict"), True, "dynamic is strict"),
        (put(dynamic=True), False, "dynamic is true"),
        (
            put(properties={"attributes": {"type": "object", "dynamic": "strict"}}),
            True,
            "no fields of their own",
        ),
        (put(dynamic_templates=[]), True, "new attributes"),
        (put(date_detection=True), True, "date_detection"),
        (put_settings(**{"mapping.total_fields.limit": 200}), False, "limit of fields is 200"),
        (
            put_settings(**{"mapping.total_fields.ignore_dynamic_beyond_limit": False}),
            True,
            "beyond the limit",
        ),
    ],
)
def test_an_index_edited_by_hand_is_mended_in_place(
    case: Case, edit: Edit, loses: bool, words: str
) -> None:
    [plan] = case.edit(edit).plan()

    assert (plan.step, plan.loses) == (Step.IN_PLACE, loses)
    assert says(plan, words)
    assert case.apply()
    assert case.plan()[0].changes == ()


@pytest.mark.parametrize(
    "edit",
    [
        put(properties={"of_ours": {"type": "keyword"}}),
        put(properties={"name": {"type": "text", "analyzer": "language", "fields": {
            "own": {"type": "keyword"}}}}),
        put_settings(refresh_interval="30s"),
        put_settings(**{"mapping.total_fields.limit": 9_000}),
    ],
)  # fmt: skip
def test_what_is_there_beside_does_no_harm(case: Case, edit: Edit) -> None:
    assert case.edit(edit).plan()[0].step is Step.NOTHING


def test_a_field_of_another_type_needs_a_rebuild_and_stops_the_workers(cluster: Cluster) -> None:
    case = Case(cluster)

    async def meddle(client: AsyncElasticsearch, index: str) -> None:
        price = {"properties": {"number": {"type": "keyword"}}}
        fields = {"attributes": {"properties": {"r_indicative_price": price}}}
        await client.indices.put_mapping(index=index, properties=fields)

    cluster.run(lambda client: ensure_indices(client, prefix=cluster.prefix, locales=["fr_FR"]))
    [plan] = case.edit(meddle).plan()

    assert (plan.step, plan.loses) == (Step.REBUILD, True)
    assert says(plan, "r_indicative_price.number is keyword, not double")
    with pytest.raises(Refused, match="quindex rebuild"):
        check_writable([plan])


def test_an_index_of_an_older_schema_stops_the_workers(case: Case) -> None:
    meta = {"quindex": {"schema": 0, "locale": "fr_FR"}}
    [plan] = case.edit(put(meta=meta)).plan()

    assert (plan.step, plan.loses) == (Step.REBUILD, True)
    assert says(plan, "schema 0, not")


def test_a_filter_that_is_missing_is_put_back_in_place(case: Case) -> None:
    [plan] = case.edit(
        lambda client, index: client.indices.put_alias(index=index, name=case.alias)
    ).plan()

    assert (plan.step, plan.loses) == (Step.IN_PLACE, False)
    case.apply()
    assert case.plan()[0].changes == ()
