import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from pim.kinds import COLLECTIONS, Kind
from simulator import changes
from simulator.behaviour import Behaviour
from simulator.faults import Fault, FaultKind
from simulator.quota import Quota, Window
from simulator.special_codes import BLUE_PANT, LOOKBOOK, NASTY_CODES, SHORT_SKIRT_YELLOW
from simulator.subscription import Subscription
from tests.simulator.simulators import URL, Box, open_box

PANT = Kind.DOCUMENT, BLUE_PANT
PATH = f"/api/documents/{BLUE_PANT}"


def run(test: Callable[[Box], Awaitable[None]], **options: Any) -> None:
    async def in_box() -> None:
        async with open_box(**options) as box:
            await test(box)

    asyncio.run(in_box())


def ids(collection: Any) -> list[str]:
    return [member["id"] for member in collection["hydra:member"]]


def test_a_collection_is_read_by_following_next() -> None:
    async def check(box: Box) -> None:
        for kind in Kind:
            path: str | None = f"/api/{COLLECTIONS[kind]}?limit=7&order[id]=asc"
            seen: list[str] = []
            while path:
                page = await box.get(path)
                seen += ids(page)
                path = page["hydra:view"].get("hydra:next")
            assert seen == box.simulation.instance.catalog.codes(kind)
            assert page["hydra:totalItems"] == len(seen)

    run(check)


def test_a_page_has_30_items_unless_asked_otherwise_and_at_most_100() -> None:
    async def check(box: Box) -> None:
        assert len(ids(await box.get("/api/documents"))) == 30
        assert len(ids(await box.get("/api/documents?limit=1000"))) == 100

    run(check, documents=110)


@pytest.mark.parametrize("code", NASTY_CODES)
def test_any_code_is_found_alone_and_in_a_list(code: str) -> None:
    async def check(box: Box) -> None:
        alone = await box.get(f"/api/documents/{quote(code, safe='')}")
        listed = await box.get(f"/api/documents?id[]={quote(code, safe='')}")

        assert alone["id"] == code
        assert alone["@id"].startswith("/api/documents/")
        assert listed["hydra:member"] == [alone]

    run(check)


def test_the_id_filter_can_be_missing() -> None:
    async def check(box: Box) -> None:
        assert (await box.get(f"/api/documents?id[]={BLUE_PANT}"))["hydra:totalItems"] == 30

    run(check, behaviour=Behaviour(id_filter=False))


def test_lists_are_cut_at_100_and_their_collections_hold_the_rest() -> None:
    async def check(box: Box) -> None:
        document = await box.get(f"/api/documents/{LOOKBOOK}")
        links = await box.get(f"/api/links?origin.id={LOOKBOOK}&limit=100")
        related = [each["id"] for each in document["documentLinks"]]
        variants = await box.get("/api/variants?document.id=made-to-measure")

        assert len(related) == 100
        assert [id_ for id_ in ids(links) if id_ in related][:90] == related[:90]
        assert links["hydra:totalItems"] > 100
        assert variants["hydra:totalItems"] > 100

    run(check, documents=150)


def test_changes_since_a_date_are_found() -> None:
    async def check(box: Box) -> None:
        changes.edit(box.simulation.instance, PANT)

        assert ids(await box.get("/api/documents?dateModified[after]=2023-11-14 22:13:20")) == [
            BLUE_PANT
        ]
        assert not ids(await box.get("/api/documents?dateModified[after]=2023-11-14 22:13:21"))

    run(check)


@pytest.mark.parametrize(
    ("path", "some"),
    [
        ("variants?document.id=short-skirt-yellow", "short-skirt-yellow-S"),
        ("classifications?parent.id=classification_clothes", "classification_skirts"),
        ("classifications?catalogs.id[]=PIM", "classification_clothes"),
        ("assets?classifications.id=dam_photos", "short-skirt-yellow"),
        ("documents?documentType.id=reference", "short-skirt"),
        ("documents?classifications.id=classification_skirts", "short-skirt"),
    ],
)
def test_collections_are_filtered_by_relations(path: str, some: str) -> None:
    async def check(box: Box) -> None:
        collection = await box.get(f"/api/{path}")
        everything = await box.get(f"/api/{path.partition('?')[0]}")

        assert some in ids(collection)
        assert collection["hydra:totalItems"] <= everything["hydra:totalItems"]

    run(check)


def test_reference_data_is_there() -> None:
    async def check(box: Box) -> None:
        attributes = await box.get("/api/attributes?limit=100")
        types = {each["id"]: each["type"] for each in attributes["hydra:member"]}
        assert types["r_washing"] == "predefined_multiple"
        assert types["name"] == "text"
        values = await box.get("/api/predefined-values?attribute.id=color&limit=100")
        assert {"fr_FR": "Vert", "fr_BE": "Vert", "en_GB": "Green"} in [
            each["name"] for each in values["hydra:member"]
        ]
        value = await box.get("/api/predefined-values/attribute=color;code=red")
        assert value["id"] == "attribute=color;code=red"
        assert ids(await box.get("/api/locales")) == ["en_GB", "fr_BE", "fr_FR"]
        assert ids(await box.get("/api/document-types")) == ["color", "product", "reference"]
        assert "col_ref" in ids(await box.get("/api/link-types"))
        link = ids(await box.get("/api/links?linkType.id=col_ref"))[0]
        assert (await box.get(f"/api/links/{link}"))["target"] == {"id": SHORT_SKIRT_YELLOW}

    run(check)


def test_plain_json_is_a_bare_array() -> None:
    async def check(box: Box) -> None:
        answer = await box.client.get(
            "/api/documents?limit=2", headers={"Accept": "application/json"}
        )

        assert isinstance(answer.json(), list)

    run(check)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/documents/none", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/documents/a/b", 404),
        ("GET", "/api", 404),
        ("DELETE", "/api/documents", 405),
        ("GET", "/api/documents?page=0", 400),
        ("PUT", "/api/webhooks/1", 422),
        ("DELETE", "/api/webhooks/1", 405),
        ("POST", "/api/webhooks", 422),
        ("DELETE", "/api/webhooks", 405),
        ("GET", "/api/webhooks/2", 404),
    ],
)
def test_errors_are_in_the_style_of_api_platform(method: str, path: str, status: int) -> None:
    async def check(box: Box) -> None:
        answer = await box.client.request(method, path, follow_redirects=True)

        assert answer.status_code == status
        assert answer.json()["@type"] == "hydra:Error"

    run(check)


def test_a_token_is_needed_and_the_read_token_reads_only() -> None:
    async def check(box: Box) -> None:
        for authorization, method, status in (
            (None, "GET", 401),
            ("Bearer wrong", "GET", 401),
            ("Bearer read-only", "GET", 200),
            ("Bearer read-only", "PUT", 405),
        ):
            headers = {"Authorization": authorization} if authorization else {"Authorization": ""}
            answer = await box.client.request(method, "/api/webhooks/1", headers=headers)
            assert answer.status_code == status

    run(check)


def test_a_disabled_webhook_can_be_seen_and_enabled_again() -> None:
    async def check(box: Box) -> None:
        await box.put("/api/webhooks/1", {"active": False})
        assert [each["active"] for each in (await box.get("/api/webhooks"))["hydra:member"]] == [
            False
        ]
        await box.put("/api/webhooks/1", {"active": True})
        assert (await box.get("/api/webhooks/1"))["active"] is True

    run(check)


def test_a_webhook_can_be_created_where_there_is_none() -> None:
    async def check(box: Box) -> None:
        box.simulation.webhooks.subscription = Subscription()
        assert (await box.get("/api/webhooks"))["hydra:member"] == []
        assert (await box.client.get("/api/webhooks/1")).status_code == 404
        body = {"name": "search", "active": True, "url": URL, "events": ["document.update"]}
        assert (await box.client.post("/api/webhooks", json={"active": True})).status_code == 422

        created = await box.client.post("/api/webhooks", json=body)
        assert created.status_code == 201
        assert (await box.get("/api/webhooks"))["hydra:member"] == [created.json()]
        assert body.items() <= created.json().items()
        assert (await box.client.post("/api/webhooks", json=body)).status_code == 422

    run(check)


def test_beyond_the_quota_requests_are_refused_until_the_window_has_room() -> None:
    async def check(box: Box) -> None:
        await box.get(PATH)
        await box.get(PATH)
        refused = await box.client.get(PATH)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        box.clock.advance(10)
        await box.get(PATH)
        ledger = box.simulation.ledger
        assert ledger.endpoints == {"GET /api/documents/{id}": 4}
        assert ledger.statuses == {200: 3, 429: 1}
        assert ledger.peaks()[1.0] == 3

    run(check, quota=Quota([Window(2, 10.0)]))


def test_a_refusal_may_be_a_page_of_a_gateway() -> None:
    async def check(box: Box) -> None:
        refused = await box.client.get(PATH)

        assert refused.status_code == 429
        assert refused.headers["content-type"].startswith("text/html")
        assert "retry-after" not in refused.headers

    run(check, quota=Quota([Window(0, 10.0)], retry_after=False, html=True))


def set_fault(box: Box, kind: FaultKind, fault: Fault) -> None:
    box.simulation.faults.set(kind, fault)
    box.simulation.faults_changed()


def test_latency_takes_its_time() -> None:
    async def check(box: Box) -> None:
        set_fault(box, FaultKind.LATENCY, Fault(seconds=3))
        before_s = box.clock()
        await box.get(PATH)

        assert box.clock() - before_s == 3

    run(check)


def test_a_slow_body_comes_byte_by_byte_and_is_whole() -> None:
    async def check(box: Box) -> None:
        whole, before_s = await box.get(PATH), box.clock()
        set_fault(box, FaultKind.SLOW_BODY, Fault(seconds=1))

        assert await box.get(PATH) == whole
        assert box.clock() - before_s > 100

    run(check)


@pytest.mark.parametrize("kind", [FaultKind.TRUNCATED, FaultKind.MAINTENANCE])
def test_an_answer_of_200_may_be_no_json(kind: FaultKind) -> None:
    async def check(box: Box) -> None:
        set_fault(box, kind, Fault())
        answer = await box.client.get(PATH)

        assert answer.status_code == 200
        with pytest.raises(ValueError, match=r"(?i)expecting|unterminated"):
            answer.json()

    run(check)


def test_a_connection_can_end_in_the_middle() -> None:
    async def check(box: Box) -> None:
        set_fault(box, FaultKind.RESET, Fault())
        with pytest.raises(httpx.RemoteProtocolError):
            await box.client.get(PATH)

    run(check)


def test_a_gzip_bomb_unpacks_to_the_answer_and_much_more() -> None:
    async def check(box: Box) -> None:
        set_fault(box, FaultKind.GZIP_BOMB, Fault(size_bytes=2 * 1024 * 1024))
        async with box.client.stream("GET", PATH) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])

        assert len(gzip.decompress(raw)) > 2 * 1024 * 1024 > 100 * len(raw)

    run(check)


def test_stale_answers_are_those_of_a_while_ago() -> None:
    async def check(box: Box) -> None:
        before, instance = await box.get(PATH), box.simulation.instance
        set_fault(box, FaultKind.STALE, Fault(seconds=5))
        changes.edit(instance, PANT)
        changes.create(instance, (Kind.DOCUMENT, "aaa-new"))
        changes.delete(instance, (Kind.DOCUMENT, "007"))
        box.clock.advance(4)

        assert await box.get(PATH) == before
        await box.get("/api/documents/aaa-new", 404)
        await box.get("/api/documents/007")
        listed = await box.get("/api/documents?limit=100")
        assert "aaa-new" not in ids(listed)
        assert "007" in ids(listed)
        assert before in listed["hydra:member"]
        box.clock.advance(1)
        assert (await box.get(PATH))["attributes"]["sim_revision"] == 2
        await box.get("/api/documents/007", 404)
        assert "aaa-new" in ids(await box.get("/api/documents?limit=100"))

    run(check)
