import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from pim.kinds import COLLECTIONS, Kind
from simulator.quota import QUABLE_WINDOWS
from simulator.special_codes import BLUE_PANT, LOOKBOOK, SHORT_SKIRT_YELLOW
from tests.simulator.simulators import TREE, Box, open_box


def run(test: Callable[[Box], Awaitable[None]], **options: Any) -> None:
    async def in_box() -> None:
        async with open_box(**options) as box:
            await test(box)

    asyncio.run(in_box())


async def lines(box: Box, path: str) -> list[dict[str, Any]]:
    answer = await box.client.get(path)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [orjson.loads(line) for line in answer.text.splitlines()]


def test_an_edit_tells_what_it_did_and_when() -> None:
    async def check(box: Box) -> None:
        body = {"code": BLUE_PANT, "locale": "en_GB", "attributes": {"name": "Trousers"}}
        change = await box.post("/control/edit", body)

        assert change == {
            "at_s": box.clock(),
            "event": "document.update",
            "code": BLUE_PANT,
            "locale": "en_GB",
            "attributes": {"name": "Trousers"},
            "revision": 2,
            "uuid": change["uuid"],
            "notifications": 1,
        }
        await box.simulation.webhooks.settled()
        assert [each["uuid"] for each in box.receiver.bodies] == [change["uuid"]]
        assert box.receiver.bodies[0]["resource"]["locales"]["updated"] == ["en_GB"]

    run(check)


def test_an_edit_without_a_body_edits_some_document() -> None:
    async def check(box: Box) -> None:
        answer = await box.client.post("/control/edit")
        code = answer.json()["code"]
        shown = await box.get(f"/control/resource?kind=document&id={code}")

        assert shown["attributes"]["sim_revision"] == 2

    run(check, documents=2)


@pytest.mark.parametrize(
    ("path", "body", "event"),
    [
        ("/control/create", {"kind": "document", "code": "new"}, "document.create"),
        ("/control/create", {"kind": "media"}, "media.create"),
        ("/control/create", {"kind": "sku", "parent": BLUE_PANT}, "variant.create"),
        ("/control/delete", {"kind": "asset", "code": SHORT_SKIRT_YELLOW}, "media.delete"),
        ("/control/delete", {}, "document.delete"),
        ("/control/edit", {"kind": "asset"}, "media.update"),
        ("/control/rename-classification", {}, "classification.update"),
        (
            "/control/rename-classification",
            {"code": "classification_skirts", "name": "Jupettes"},
            "classification.update",
        ),
        ("/control/relabel-value", {"id": "attribute=color;code=red"}, "value.update"),
        ("/control/delete-value", {"id": "attribute=color;code=red"}, "value.delete"),
        ("/control/link", {"origin": BLUE_PANT, "target": SHORT_SKIRT_YELLOW}, "link.create"),
        ("/control/unlink", {"id": "881"}, "link.delete"),
    ],
)
def test_every_change_can_be_asked_for(path: str, body: dict[str, Any], event: str) -> None:
    async def check(box: Box) -> None:
        change = await box.post(path, body)

        assert change["event"] == event
        assert change["uuid"]

    run(check)


def test_what_was_deleted_last_comes_back() -> None:
    async def check(box: Box) -> None:
        deleted = await box.post("/control/delete", {"code": BLUE_PANT})
        await box.get(f"/api/documents/{BLUE_PANT}", 404)
        created = await box.post("/control/recreate")
        assert (created["code"], created["event"]) == (deleted["code"], "document.create")
        await box.get(f"/api/documents/{BLUE_PANT}")
        await box.post("/control/recreate", {}, 404)

    run(check)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/control/edit", {"code": "none"}, 404, "none"),
        ("/control/edit", {"kod": "x"}, 422, "kod"),
        ("/control/edit", {"attributes": {"x": 1}}, 422, "has no attribute 'x'"),
        ("/control/edit", {"kind": "shoe"}, 422, "kind"),
        ("/control/bulk-edit", {"documents": ["none"]}, 404, "none"),
        ("/control/delete", {"code": "none"}, 404, "none"),
    ],
)
def test_a_mistake_is_told(path: str, body: dict[str, Any], status: int, words: str) -> None:
    async def check(box: Box) -> None:
        assert words in (await box.post(path, body, status))["error"]

    run(check)


def test_a_silent_change_is_not_announced() -> None:
    async def check(box: Box) -> None:
        change = await box.post("/control/delete", {"code": BLUE_PANT, "silent": True})

        assert change["notifications"] == 0
        assert await box.get("/control/idle") == {
            "idle": True,
            "waiting": 0,
            "in_flight": 0,
            "at_s": box.clock(),
        }

    run(check)


def test_a_bulk_edit_of_named_documents_edits_those() -> None:
    async def check(box: Box) -> None:
        done = await box.post("/control/bulk-edit", {"documents": [BLUE_PANT], "finish": False})

        assert (done["codes"], done["notifications"]) == ([BLUE_PANT], 1)

    run(check)


def test_a_bulk_edit_goes_on_in_the_process_that_it_names() -> None:
    async def check(box: Box) -> None:
        begun = await box.post("/control/bulk-edit", {"documents": 2, "finish": False})
        body = {"documents": [BLUE_PANT], "process": begun["process"]["id"]}
        await box.post("/control/bulk-edit", body)
        await box.simulation.webhooks.settled()

        assert {body["process"]["id"] for body in box.receiver.bodies} == {begun["process"]["id"]}
        assert [body["code"] for body in box.receiver.bodies].count("bulk_edit.finish") == 1

    run(check)


def test_a_bulk_edit_repeats_its_documents_in_one_process_and_finishes() -> None:
    async def check(box: Box) -> None:
        done = await box.post("/control/bulk-edit", {"documents": 30, "repeat": 3})
        await box.simulation.webhooks.settled()

        assert (done["edits"], done["notifications"], len(done["codes"])) == (90, 91, 30)
        assert {body["process"]["id"] for body in box.receiver.bodies} == {done["process"]["id"]}
        assert {body["process"]["type"] for body in box.receiver.bodies} == {"bulk_edit"}
        assert sorted({body["code"] for body in box.receiver.bodies}) == [
            "bulk_edit.finish",
            "document.update",
        ]
        revisions = {
            line["resource"]["attributes"]["sim_revision"]
            for line in await lines(box, "/control/catalog?kind=document")
        }
        assert revisions == {4}

    run(check)


def test_an_import_creates_and_updates() -> None:
    async def check(box: Box) -> None:
        done = await box.post("/control/import", {"create": 3, "update": 2, "finish": False})
        await box.simulation.webhooks.settled()

        events = sorted(body["code"] for body in box.receiver.bodies)
        assert events == ["document.create"] * 3 + ["document.update"] * 2
        for code in done["codes"]:
            await box.get(f"/control/resource?kind=document&id={code}")

    run(check, documents=2)


def test_the_catalog_is_what_the_api_answers() -> None:
    async def check(box: Box) -> None:
        await box.post("/control/edit", {})
        known = await lines(box, "/control/catalog")
        for kind in Kind:
            path = f"/api/{COLLECTIONS[kind]}?limit=100"
            members = (await box.get(path))["hydra:member"]
            assert members == [each["resource"] for each in known if each["kind"] == kind][:100]
        assert len(known) == len(list(box.simulation.instance.catalog.all_resources()))

    run(check)


def test_the_complete_catalog_has_whole_lists() -> None:
    async def check(box: Box) -> None:
        path = f"/control/resource?kind=document&id={LOOKBOOK}"

        assert len((await box.get(path))["documentLinks"]) == 100
        assert len((await box.get(f"{path}&complete=1"))["documentLinks"]) > 100
        listed = await lines(box, "/control/catalog?kind=document&complete=1")
        assert max(len(each["resource"]["documentLinks"]) for each in listed) > 100

    run(check, documents=150)


def test_the_webhook_tells_what_became_of_notifications() -> None:
    async def check(box: Box) -> None:
        accepted = await box.post("/control/edit", {})
        await box.simulation.webhooks.settled()
        await box.post("/control/webhook/disable")
        lost = await box.post("/control/edit", {})
        webhook = await box.get("/control/webhook")
        assert webhook["enabled"] is False
        assert webhook["accepted"] == [accepted["uuid"]]
        assert webhook["notifications"] == {"accepted": 1, "lost": 1}
        assert webhook["calls"]["answers"] == {"202": 1}
        assert "accepted" not in await box.get("/control/webhook?uuids=0")
        [line] = await lines(box, "/control/webhook/notifications?state=lost")
        assert (line["uuid"], line["event"]) == (lost["uuid"], "document.update")
        await box.post("/control/webhook/enable")
        assert (await box.get("/control/webhook"))["enabled"] is True

    run(check)


def test_any_call_can_be_made() -> None:
    async def check(box: Box) -> None:
        body = {"code": "unknown.event", "resource": {"type": "moon"}}
        sent = await box.post("/control/announce", {"body": body, "repeat": 2})
        await box.simulation.webhooks.settled()

        assert sorted(each["uuid"] for each in box.receiver.bodies) == sorted(sent["uuids"])
        assert all(each.items() >= body.items() for each in box.receiver.bodies)

    run(check)


@pytest.mark.parametrize(
    "body", [b'{"n": 18446744073709551616}', b'{"n":' * 300 + b"1" + b"}" * 300]
)
def test_a_body_that_cannot_be_sent_is_refused(body: bytes) -> None:
    async def check(box: Box) -> None:
        answer = await box.client.post("/control/announce", content=b'{"body": %b}' % body)

        assert answer.status_code == 422
        assert box.simulation.webhooks.entries == {}

    run(check)


def test_the_subscription_can_be_changed_field_by_field() -> None:
    async def check(box: Box) -> None:
        before = await box.get("/control/subscription")
        after = await box.put("/control/subscription", {"authorization": "new"})
        assert after == {**before, "authorization": "new"}
        await box.post("/control/edit", {})
        await box.simulation.webhooks.settled()
        assert box.receiver.authorizations == ["new"]
        await box.put("/control/subscription", {"uri": "x"}, 422)
        await box.put("/control/subscription", ["x"], 422)

    run(check)


def test_options_and_behaviour_can_be_changed() -> None:
    async def check(box: Box) -> None:
        options = await box.put("/control/webhook/options", {"time_scale": 60})
        assert options["time_scale"] == (await box.get("/control/webhook/options"))["time_scale"]
        assert box.simulation.webhooks.policy.rules.time_scale == 60
        await box.put("/control/behaviour", {"id_filter": False})
        assert (await box.get("/control/behaviour"))["id_filter"] is False
        assert (await box.get("/api/documents?id[]=x"))["hydra:totalItems"] == 30
        await box.put("/control/webhook/options", {"time_scale": 0}, 422)

    run(check)


def test_faults_can_be_switched_on_and_off() -> None:
    async def check(box: Box) -> None:
        await box.put("/control/faults/status", {"status": 500, "times": 1})
        await box.put("/control/faults/stale", {"seconds": 7})
        assert box.simulation.instance.past.kept_s == 7
        await box.get("/api/documents", 500)
        await box.get("/api/documents")
        assert (await box.get("/control/faults"))["status"]["hits"] == 1
        answer = await box.client.delete("/control/faults/status")
        assert answer.json().keys() == {"stale"}
        assert (await box.client.delete("/control/faults")).json() == {}
        assert box.simulation.instance.past.kept_s == 0
        await box.put("/control/faults/no-such", {}, 422)

    run(check)


def test_the_quota_can_be_set_and_is_shown_with_its_use() -> None:
    async def check(box: Box) -> None:
        await box.put("/control/quota", {"windows": [{"requests_max": 1, "window_s": 9}]})
        await box.get("/api/documents")
        await box.get("/api/documents", 429)
        quota = await box.get("/control/quota")
        assert quota["windows"] == [{"requests_max": 1, "window_s": 9.0, "used": 1}]
        quota = await box.put("/control/quota")
        assert [each["requests_max"] for each in quota["windows"]] == [
            window.requests_max for window in QUABLE_WINDOWS
        ]

    run(check)


def test_requests_are_counted_until_they_are_reset() -> None:
    async def check(box: Box) -> None:
        await box.get("/api/documents")
        await box.get("/api/documents/none", 404)
        counted = await box.get("/control/requests")
        assert counted["endpoints"] == {"GET /api/documents": 1, "GET /api/documents/{id}": 1}
        assert counted["statuses"] == {"200": 1, "404": 1}
        assert counted["peaks"]["600"] == 2
        assert (await box.client.delete("/control/requests")).json()["total"] == 0

    run(check)


def test_the_locales_are_those_of_the_tree() -> None:
    async def check(box: Box) -> None:
        change = await box.post("/control/edit", {})

        assert change["locale"] == TREE.locales[0]

    run(check)
