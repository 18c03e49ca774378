import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import httpx
import pytest

from pim.client import PimClient
from pim.completion import COMPLETION_PAGES_MAX
from pim.cuts import CUT_AT
from pim.gate import Gate
from pim.kinds import Kind
from pim.retries import RetryPolicy
from runtime.clock import Clock
from runtime.errors import (
    PimAnswerUnusable,
    PimFilterIgnored,
    PimUnauthorized,
    PimUnavailable,
)
from tests.pim.scripted import CountingGate, ScriptedTransport, to_reply
from tests.pim.tiny_pim import TinyPim

T = TypeVar("T")
URL = "https://acme.quable.com"
TOKEN = "canary-9f3a"  # noqa: S105  # of no real instance


def use(
    transport: httpx.AsyncBaseTransport,
    task: Callable[[PimClient], Awaitable[T]],
    *,
    gate: Gate | None = None,
    batch_max: int = 50,
    clock: Clock = time.monotonic,
) -> T:
    async def run() -> T:
        client = PimClient(
            URL,
            TOKEN,
            gate=gate,
            batch_max=batch_max,
            transport=transport,
            retries=RetryPolicy(wait_first_s=0.0),
            clock=clock,
        )
        try:
            return await task(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def documents(*codes: str) -> dict[str, list[dict[str, Any]]]:
    return {"documents": [{"id": code} for code in codes]}


def ids(resources: Sequence[Any]) -> list[str]:
    return [resource["id"] for resource in resources]


def test_a_resource_is_fetched_by_one_request() -> None:
    pim, gate = TinyPim({"variants": [{"id": "jupe été;=+", "x": 1}]}), CountingGate()

    fetched = use(pim, lambda client: client.fetch(Kind.VARIANT, "jupe été;=+"), gate=gate)
    assert fetched == {"id": "jupe été;=+", "x": 1}
    assert pim.paths == ["/api/variants/jupe%20%C3%A9t%C3%A9%3B%3D%2B"]
    assert gate.entered == 1


def test_what_the_pim_no_longer_has_is_none() -> None:
    assert use(TinyPim(documents("a")), lambda client: client.fetch(Kind.DOCUMENT, "b")) is None


def test_another_resource_than_asked_for_is_unusable() -> None:
    transport = ScriptedTransport(to_reply({"id": "b"}))

    with pytest.raises(PimAnswerUnusable, match="'b' instead of 'a'"):
        use(transport, lambda client: client.fetch(Kind.DOCUMENT, "a"))


@pytest.mark.parametrize("code", ["a/b", "care-guide.pdf", "50%2Foff"])
@pytest.mark.parametrize("decodes_paths", [False, True])
def test_a_code_that_routers_misread_is_found_by_filter(code: str, decodes_paths: bool) -> None:
    pim, gate = TinyPim(documents("a", "b", code), decodes_paths=decodes_paths), CountingGate()

    async def fetch(client: PimClient) -> object:
        assert await client.probe_packing()
        return await client.through(gate).fetch(Kind.DOCUMENT, code)

    assert use(pim, fetch) == {"id": code}
    assert gate.entered == 1


def test_a_code_that_routers_misread_is_gone_if_neither_way_finds_it() -> None:
    pim, gate = TinyPim(documents("a", "b", "c")), CountingGate()

    async def fetch(client: PimClient) -> object:
        assert await client.probe_packing()
        return await client.through(gate).fetch(Kind.DOCUMENT, "a/b")

    assert use(pim, fetch) is None
    assert pim.paths[-2:] == ["/api/documents", "/api/documents/a%2Fb"]
    assert gate.entered == 2


def test_without_the_filter_a_code_with_a_slash_is_asked_for_by_path() -> None:
    pim = TinyPim(documents("a", "b", "a/b"), filters=())

    async def fetch_twice(client: PimClient) -> None:
        for _ in range(2):
            assert await client.fetch(Kind.DOCUMENT, "a/b") == {"id": "a/b"}

    use(pim, fetch_twice)
    # It is probed once whether lists find codes by their ids.
    assert pim.paths == [*["/api/documents"] * 2, *["/api/documents/a%2Fb"] * 2]


def test_a_filter_that_works_and_then_does_not_proves_no_resource_gone() -> None:
    known = [{"id": code} for code in "abc"]
    transport = ScriptedTransport(
        to_reply({"hydra:member": known[:2], "hydra:totalItems": 3}),
        to_reply({"hydra:member": known[:2], "hydra:totalItems": 2}),
        to_reply({"hydra:member": known[:1], "hydra:totalItems": 3}),
        to_reply({}, status=404),  # of the path
    )

    async def look(client: PimClient) -> tuple[object, bool]:
        found = await client.fetch(Kind.DOCUMENT, "a/b")
        return found, await client.believes_absence(Kind.DOCUMENT, "a/b")

    assert use(transport, look) == (None, False)


@pytest.mark.parametrize("code", ["..", "../users", "a/../b"])
def test_a_code_with_dot_segments_never_becomes_a_path(code: str) -> None:
    there, gone = TinyPim(documents("a", "b", code)), TinyPim(documents("a", "b", "c"))
    unfiltered = TinyPim(documents("a", "b", code), filters=())

    assert use(there, lambda client: client.fetch(Kind.DOCUMENT, code)) == {"id": code}
    assert use(gone, lambda client: client.fetch(Kind.DOCUMENT, code)) is None
    with pytest.raises(PimAnswerUnusable, match="dot segments"):
        use(unfiltered, lambda client: client.fetch(Kind.DOCUMENT, code))
    for pim in (there, gone, unfiltered):
        assert set(pim.paths) == {"/api/documents"}


def test_a_pack_is_one_request() -> None:
    pim, gate = TinyPim(documents("a", "b", "c", "d")), CountingGate()
    pack = use(pim, lambda client: client.fetch_many(Kind.DOCUMENT, ["c", "x", "a"]), gate=gate)

    assert ids([pack.found[code] for code in ("a", "c")]) == ["a", "c"]
    assert pack.missing == ["x"]
    assert gate.entered == 1
    assert pim.queries("id[]") == [["c", "x", "a"]]


def test_a_list_that_ignores_the_filter_is_refused() -> None:
    with pytest.raises(PimFilterIgnored):
        use(
            TinyPim(documents("a", "b", "c"), filters=()),
            lambda client: client.fetch_many(Kind.DOCUMENT, ["a", "c"]),
        )


def test_codes_are_split_into_packs_by_the_clients_own_limit() -> None:
    async def split(client: PimClient) -> list[list[str]]:
        return client.to_packs(Kind.DOCUMENT, ["a", "b", "a", "c"])

    assert use(TinyPim({}), split, batch_max=2) == [["a", "b"], ["c"]]


def test_a_page_is_one_request_with_order_date_and_filter() -> None:
    pim, gate = TinyPim(documents(*"abcde")), CountingGate()
    page = use(
        pim,
        lambda client: client.fetch_page(
            Kind.DOCUMENT,
            page=2,
            limit=2,
            modified_after_s=0,
            filters={"documentType.id": ["color", "reference"]},
        ),
        gate=gate,
    )

    assert (ids(page.resources), page.has_next, page.total) == (["c", "d"], True, 5)
    assert gate.entered == 1
    assert pim.queries("order[id]") == [["asc"]]
    assert pim.queries("dateModified[after]") == [["1970-01-01 00:00:00"]]
    assert pim.queries("documentType.id[]") == [["color", "reference"]]


def test_the_next_pages_address_is_never_asked() -> None:
    pim = TinyPim({"attributes": [{"id": f"a{number:03d}"} for number in range(250)]})
    attributes = use(pim, lambda client: client.attributes())

    assert len({attribute["id"] for attribute in attributes}) == 250
    assert {request.url.host for request in pim.requests} == {"acme.quable.com"}
    assert pim.queries("page") == [["1"], ["2"], ["3"]]


def test_a_list_of_attributes_that_does_not_end_is_unusable() -> None:
    endless = to_reply({"hydra:member": [{"id": "a"}], "hydra:view": {"hydra:next": "/x"}})

    with pytest.raises(PimAnswerUnusable, match="does not end"):
        use(ScriptedTransport(endless), lambda client: client.attributes())


@pytest.mark.parametrize(
    ("codes", "filters", "works"),
    [
        ("abcdef", ("id[]",), True),
        ("abcdef", (), False),
        ("abc", ("id[]",), True),
        ("abc", (), False),
        ("ab", ("id[]",), True),
        ("ab", (), False),
        ("a", ("id[]",), True),
        ("a", (), False),
        ("", ("id[]",), False),
    ],
)
def test_the_probe_tells_whether_packs_work(
    codes: str, filters: tuple[str, ...], works: bool
) -> None:
    gate = CountingGate()

    pim = TinyPim(documents(*codes), filters=filters)
    assert use(pim, lambda client: client.probe_packing(), gate=gate) is works
    assert gate.entered <= 3


def test_the_probe_trusts_no_list_without_a_total() -> None:
    pim = TinyPim(documents(*"abc"), counts=False)

    assert not use(pim, lambda client: client.probe_packing())


def test_the_probe_does_not_pass_off_trouble_as_an_answer() -> None:
    with pytest.raises(PimUnavailable):
        use(ScriptedTransport(to_reply({}, status=503)), lambda client: client.probe_packing())


def test_each_kind_has_a_probe_of_its_own() -> None:
    pim = TinyPim({"assets": [{"id": "x"}, {"id": "y"}, {"id": "z"}], **documents()})

    async def probe(client: PimClient) -> list[bool]:
        return [await client.probe_packing(kind) for kind in (Kind.DOCUMENT, Kind.ASSET)]

    assert use(pim, probe) == [False, True]


def test_the_check_is_one_request_and_passes_with_an_empty_catalog() -> None:
    pim, gate = TinyPim(documents()), CountingGate()
    use(pim, lambda client: client.check(), gate=gate)

    assert gate.entered == 1
    assert pim.queries("limit") == [["1"]]


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, PimUnauthorized), (403, PimUnauthorized), (404, PimAnswerUnusable), (301, PimAnswerUnusable)],
)  # fmt: skip
def test_the_check_says_what_is_wrong(status: int, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        use(ScriptedTransport(to_reply({}, status=status)), lambda client: client.check())

    assert getattr(caught.value, "status", None) == status


def test_a_list_that_the_pim_does_not_have_is_not_an_empty_one() -> None:
    with pytest.raises(PimAnswerUnusable) as caught:
        use(TinyPim({}), lambda client: client.fetch_many(Kind.DOCUMENT, ["a"]))

    assert caught.value.status == 404


def test_clients_of_other_gates_share_the_connection_and_what_was_learnt() -> None:
    pim = TinyPim(documents("a", "b", "a/b"), filters=())
    first, second = CountingGate(), CountingGate()

    async def learn(client: PimClient) -> None:
        other = client.through(second)
        assert not await client.probe_packing()
        await other.fetch(Kind.DOCUMENT, "a/b")

    use(pim, learn, gate=first)
    assert (first.entered, second.entered) == (2, 1)


def test_a_client_does_not_show_its_token() -> None:
    client = PimClient(URL, TOKEN)
    asyncio.run(client.aclose())

    assert repr(client) == "PimClient('https://acme.quable.com/api')"
    with pytest.raises(ValueError, match="address"):
        PimClient("acme.quable.com", TOKEN)


def to_link(number: int, *, origin: str = "me", target: str = "you") -> dict[str, Any]:
    return {
        "id": f"L{number:05d}",
        "linkType": {"id": "related"},
        "origin": {"id": origin},
        "target": {"id": target},
    }


def cut_document(links: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "me", "documentLinks": links[:CUT_AT], "variants": []}


def test_a_document_without_a_cut_list_costs_no_request() -> None:
    pim, document = TinyPim({}), cut_document([to_link(1)])

    assert use(pim, lambda client: client.complete(Kind.DOCUMENT, document)) is document
    assert pim.requests == []


def test_cut_links_are_read_from_both_ends_and_each_page_passes_the_gate() -> None:
    links = [
        *(to_link(number) for number in range(150)),
        *(to_link(number, origin="other", target="me") for number in range(150, 170)),
        *(to_link(number, origin="other") for number in range(170, 400)),
    ]
    pim, gate = TinyPim({"links": links}), CountingGate()
    document = cut_document(links)
    completed = use(pim, lambda client: client.complete(Kind.DOCUMENT, document), gate=gate)

    assert completed["documentLinks"] == links[:170]
    assert gate.entered == 3  # two pages from the origin, one from the target


def test_cut_variants_and_children_are_completed() -> None:
    variants = [{"id": f"V{number:03d}", "document": {"id": "me"}} for number in range(130)]
    children = [{"id": f"C{number:03d}", "parent": {"id": "me"}} for number in range(120)]
    pim = TinyPim({"variants": variants, "classifications": children})
    document = {"id": "me", "variants": [{"id": each["id"]} for each in variants[:CUT_AT]]}
    node = {"id": "me", "children": [{"id": each["id"]} for each in children[:CUT_AT]]}

    async def complete(client: PimClient) -> tuple[Any, Any]:
        return (
            await client.complete(Kind.DOCUMENT, document),
            await client.complete(Kind.CLASSIFICATION, node),
        )

    whole_document, whole_node = use(pim, complete)
    assert whole_document["variants"] == [{"id": each["id"]} for each in variants]
    assert whole_node["children"] == [{"id": each["id"]} for each in children]


@pytest.mark.parametrize(
    "collections", [{}, {"links": [to_link(n, origin="other") for n in range(500)]}]
)
def test_a_list_stays_cut_where_the_pim_does_not_give_it_filtered(collections: Any) -> None:
    pim, document = (
        TinyPim(collections, filters=()),
        cut_document([to_link(n) for n in range(CUT_AT)]),
    )
    completed = use(pim, lambda client: client.complete(Kind.DOCUMENT, document))

    assert completed == document
    assert len(pim.requests) == 2


def test_a_list_beyond_all_measure_is_read_up_to_the_limit() -> None:
    links = [to_link(number) for number in range(COMPLETION_PAGES_MAX * 100 + 50)]
    pim, document = TinyPim({"links": links}), cut_document(links)
    completed = use(pim, lambda client: client.complete(Kind.DOCUMENT, document))

    assert len(completed["documentLinks"]) == COMPLETION_PAGES_MAX * 100
    assert len(pim.requests) == COMPLETION_PAGES_MAX + 1


def test_trouble_while_completing_is_the_callers() -> None:
    transport = ScriptedTransport(to_reply({}, status=503))

    with pytest.raises(PimUnavailable):
        use(
            transport,
            lambda client: client.complete(
                Kind.DOCUMENT, cut_document([to_link(number) for number in range(CUT_AT)])
            ),
        )
