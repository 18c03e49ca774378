"""One trace leads from a webhook call to the bulk, and a coalesced fetch to all its calls."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import httpx
import orjson
import pytest

from stack.choose import Servers
from tests.collector import Collector, Span, open_collector
from tests.eventually import eventually
from tests.integration.sites import Site, open_site, to_installation

pytestmark = [pytest.mark.stack, pytest.mark.faults]  # its calls coalesce slowly

CALLS: Final = 5
CODE: Final = "product-00005"
KEY: Final = f"document:{CODE}"
CALLED: Final = "POST /webhooks/quable"
WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Traced:
    """What came of five calls about one document."""

    collector: Collector
    site: Site

    def about(self, name: str) -> list[Span]:
        """Return the spans of a name that are about the document; a bulk names none."""
        return [
            each
            for each in self.collector.named(name)
            if each.attributes.get("quindex.key", KEY) == KEY
        ]

    def one(self, name: str) -> Span:
        """Return the only span of a name that is about the document."""
        (span,) = self.about(name)
        return span


@pytest.fixture(scope="module")
def traced(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with open_collector() as collector:
        installation = to_installation(
            servers.kafka,
            servers.elasticsearch,
            tmp_path_factory.mktemp("traces"),
            documents=10,
            # Long enough for five calls to coalesce on a slow machine.
            more={
                "QUINDEX_OTLP_ENDPOINT": collector.url,
                "QUINDEX_LEAD_S": "5",
                "QUINDEX_QUIET_S": "5",
            },
        )
        with open_site(installation) as site:
            headers = {"Authorization": installation.authorization}
            with httpx.Client(headers=headers) as http:
                for _ in range(CALLS):
                    http.post(installation.webhook_url, content=to_notification())
            eventually(lambda: collector.named("bulk"), within_s=WITHIN_S)
            eventually(lambda: collector.named("index"), within_s=WITHIN_S)
            yield Traced(collector, site)


def to_notification() -> bytes:
    return orjson.dumps(
        {
            "uuid": str(uuid4()),
            "code": "document.update",
            "created_at": "2026-01-01T00:00:00+00:00",
            "resource": {"code": CODE, "type": "document"},
        }
    )


def test_each_call_is_a_span_of_the_ingress(traced: Traced) -> None:
    calls = traced.collector.named(CALLED)

    assert len(calls) == CALLS
    assert {each.process for each in calls} == {"quindex-ingress"}
    assert len({each.trace for each in calls}) == CALLS


def test_one_trace_leads_from_a_call_to_the_bulk(traced: Traced) -> None:
    calls = {each.id: each for each in traced.collector.named(CALLED)}
    debounce, bulk, index = map(traced.one, ("debounce", "bulk", "index"))
    # There was one before, if a classification had to be asked for first.
    (fetch,) = [each for each in traced.about("fetch") if each.id == bulk.parent]

    assert calls[debounce.parent].trace == debounce.trace
    assert fetch.parent == debounce.id
    assert bulk.parent == index.parent == fetch.id
    assert debounce.trace == fetch.trace == bulk.trace == index.trace
    assert {each.process for each in (debounce, fetch, bulk, index)} == {"quindex-worker"}


@pytest.mark.parametrize("name", ["debounce", "fetch"])
def test_what_was_coalesced_is_linked_to_all_its_calls(traced: Traced, name: str) -> None:
    calls = {each.id for each in traced.collector.named(CALLED)}

    for each in traced.about(name):
        assert each.links == calls
        assert each.attributes["quindex.notifications"] == CALLS


def test_a_span_lasts_as_long_as_what_it_stands_for(traced: Traced) -> None:
    assert traced.one("debounce").took_ns >= 4e9  # it waited for its quiet time
    assert all(each.took_ns > 0 for each in traced.collector.spans)
