"""What shoppers type finds exactly what it should, on a real server, in three languages."""

import asyncio
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ops.search import parse_filter, parse_sort
from pim.kinds import Kind
from runtime.settings import Settings
from sinks.elasticsearch import connect
from sinks.fields import to_alias, to_id
from sinks.found import Hit, to_found, to_suggestions
from sinks.searching import Question, to_request, to_suggestion
from stack.choose import Servers
from tests.integration.catalog_index import CatalogIndex, fill
from tests.sinks.cluster import Cluster, open_cluster

pytestmark = pytest.mark.stack

CASES: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("search_cases.toml").read_text(encoding="utf-8")
)["case"]
CHAINS = {
    "fr_FR": ("fr_FR",),
    "fr_BE": ("fr_BE", "fr_FR"),
    "en_GB": ("en_GB",),
    "de_DE": ("de_DE",),
}
GONE = ("product-00012",)
FIXED_FACETS = {"classification": "classifications", "document_type": "document_type"}
SIZE = 1_000

Document = Mapping[str, Any]


class Shop:
    """A filled index, and one question after the other."""

    def __init__(self, cluster: Cluster, index: CatalogIndex) -> None:
        self.settings = Settings(elasticsearch=cluster.address)
        self.index = index

    def ask(self, locale: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        async def main() -> Any:
            async with connect(self.settings) as client:
                return await client.search(index=to_alias(self.index.prefix, locale), **request)

        return dict(asyncio.run(main()))

    def document(self, locale: str, hit: Hit) -> Document:
        return self.index.documents[locale][to_id(Kind(hit.kind), hit.code)]

    def expected(self, case: Mapping[str, Any]) -> tuple[set[str], set[str]]:
        """
        Return what a case means to find, by its own words and no search engine.

        The second set has those of which the code too has the wanted words.
        """
        documents = self.index.documents[case["locale"]].values()
        live = [each for each in documents if is_live(each)]
        return (
            {each["code"] for each in live if is_meant(each, case)},
            {each["code"] for each in live if is_meant(each, case, [each["code"]])},
        )


@pytest.fixture(scope="module")
def shop(servers: Servers) -> Iterator[Shop]:
    with open_cluster(servers.elasticsearch) as cluster:
        index = cluster.run(
            lambda client: fill(
                client, cluster.prefix, chains=CHAINS, documents=300, seed=7, gone=GONE
            )
        )
        yield Shop(cluster, index)


def is_live(document: Document) -> bool:
    return not document["deleted"] and document["active"]


def is_meant(document: Document, case: Mapping[str, Any], more: Sequence[str] = ()) -> bool:
    if case.get("kind", document["kind"]) != document["kind"]:
        return False
    shown = "\n".join([document["name"] or "", *document["text"], *more])
    attributes = document["attributes"]
    return (
        all(re.search(pattern, shown, re.IGNORECASE) for pattern in case.get("truth", ()))
        and all(
            low <= attributes.get(code, {}).get(bucket_of(attributes, code), -1) <= high
            for code, (low, high) in case.get("ranges", {}).items()
        )
        and all(
            low <= attributes.get(code, {}).get("date", "")[:10] <= high
            for code, (low, high) in case.get("dates", {}).items()
        )
        and all(
            wanted in [each["code"] for each in attributes.get(code, {}).get("choice", ())]
            for code, wanted in case.get("choices", {}).items()
        )
        and case.get("inherited", "") in [*document["inherited"], ""]
    )


def bucket_of(attributes: Mapping[str, Any], code: str) -> str:
    return "boolean" if "boolean" in attributes.get(code, {}) else "number"


def to_question(case: Mapping[str, Any]) -> Question:
    return Question(
        text=case.get("suggest", case.get("query", "")),
        kind=case.get("kind"),
        filters=[parse_filter(each) for each in case.get("filters", ())],
        facets=case.get("facets", ()),
        sort=[parse_sort(each) for each in case.get("sort", ())],
        inactive=case.get("inactive", False),
        size=SIZE // 10 if "suggest" in case else SIZE,
    )


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60
    assert {case["locale"] for case in CASES} == CHAINS.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['locale']}: {case['why']}")
def test_a_shopper_finds_exactly_what_is_meant(shop: Shop, case: dict[str, Any]) -> None:
    question = to_question(case)
    if "suggest" in case:
        names = to_suggestions(shop.ask(case["locale"], to_suggestion(question)))
        check_suggestions(shop, case, names)
        return
    found = to_found(shop.ask(case["locale"], to_request(question)), question.facets)
    codes = [hit.code for hit in found.hits]

    assert found.total == len(codes)
    assert codes[: len(case.get("first", ()))] == case.get("first", [])
    assert found.total == case.get("total", found.total)
    assert not set(codes) & set(case.get("excludes", ()))
    if case.get("none"):
        assert codes == []
    elif {"first", "excludes"}.isdisjoint(case):
        meant, by_code = shop.expected(case)
        assert len(meant) >= case.get("least", 1)
        assert meant <= set(codes) <= by_code
        shown = [shop.document(case["locale"], hit) for hit in found.hits]
        for name in question.facets:
            assert dict(found.facets[name]) == count(shown, name)
        for name, order in question.sort:
            check_order(shown, name, reverse=order == "desc")


def check_suggestions(shop: Shop, case: Mapping[str, Any], names: list[str]) -> None:
    if case.get("none"):
        assert names == []
        return
    documents = shop.index.documents[case["locale"]].values()
    meant = {
        each["name"]
        for each in documents
        if is_live(each)
        and each["name"]
        and all(re.search(pattern, each["name"], re.IGNORECASE) for pattern in case["truth"])
    }

    assert meant
    assert set(names) <= meant
    assert len(names) >= min(len(meant), 25)


def count(documents: list[Document], facet: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for document in documents:
        counts.update(values_of(document, facet))
    return dict(counts)


def values_of(document: Document, facet: str) -> set[str]:
    if facet == "classification":
        return {each["name"] for each in document["classifications"]}
    if facet == "document_type":
        return {document["document_type"]}
    buckets = document["attributes"].get(facet, {})
    if "boolean" in buckets:
        return {str(buckets["boolean"]).lower()}
    return {each["label"] for each in buckets.get("choice", ())}


def check_order(shown: list[Document], name: str, *, reverse: bool) -> None:
    """What has no value comes last, in either direction."""
    keys = [to_sort_key(document, name) for document in shown]
    present = [key for key in keys if key is not None]

    assert keys[: len(present)] == present
    assert len(present) > 5
    pairs = pairwise(reversed(present) if reverse else present)
    assert all(earlier <= later for earlier, later in pairs)


def to_sort_key(document: Document, name: str) -> Any:
    if name == "name":
        return None if document["name"] is None else fold(document["name"])
    buckets = document["attributes"].get(name, {})
    return buckets.get("number", buckets.get("date"))


def fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    return "".join(char for char in plain if not unicodedata.combining(char))
