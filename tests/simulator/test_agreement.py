"""The simulator and the code that reads Quable: each is a check on the other."""

import asyncio

import httpx
import orjson

from pim.client import PimClient
from pim.kinds import Kind
from pim.notifications import Meaning, parse_notification
from simulator import changes
from simulator.app import TOKEN, create_app
from simulator.schema import LINK_ASSET
from simulator.simulation import Simulation
from simulator.special_codes import CARE_GUIDE, LOOKBOOK, NASTY_CODES, SHORT_SKIRT_YELLOW
from tests.simulator.simulators import Outbox, make_instance


def test_the_client_finds_every_resource_whole_by_scan_alone_and_in_packs() -> None:
    async def check() -> None:
        app = create_app(documents=150)
        simulation: Simulation = app.state.simulation
        client = PimClient("http://simulator/api", TOKEN, transport=httpx.ASGITransport(app))
        instance = simulation.instance
        try:
            assert await client.probe_packing()
            for kind in Kind:
                page = await client.fetch_page(kind, page=1)
                expected = [instance.resource((kind, c)) for c in instance.catalog.codes(kind)]
                assert page.total == len(expected)
                assert page.resources == [instance.show(each) for each in expected[:100]]
            pack = await client.fetch_many(Kind.DOCUMENT, [*NASTY_CODES, "none"])
            assert set(pack.found) == set(NASTY_CODES)
            assert list(pack.missing) == ["none"]
            assert await client.fetch(Kind.DOCUMENT, "none") is None
            for key in (
                (Kind.DOCUMENT, LOOKBOOK),
                (Kind.DOCUMENT, "made-to-measure"),
                (Kind.ASSET, CARE_GUIDE),
                *((Kind.DOCUMENT, code) for code in NASTY_CODES),
            ):
                resource = await client.fetch(*key)
                assert resource is not None
                whole = await client.complete(key[0], resource)
                assert to_order(whole) == to_order(
                    instance.show(instance.resource(key), complete=True)
                )
        finally:
            await client.aclose()
            await simulation.aclose()

    asyncio.run(check())


def to_order(resource: object) -> object:
    """Return the resource with its variants sorted: their order means nothing."""
    assert isinstance(resource, dict)
    variants = sorted(resource.get("variants", []), key=lambda each: str(each["id"]))
    return {**resource, "variants": variants}


def test_every_notification_can_be_read() -> None:
    outbox = Outbox()
    instance = make_instance(outbox)
    photo = Kind.ASSET, SHORT_SKIRT_YELLOW
    for kind in Kind:
        changes.create(instance, (kind, "new"))
        changes.edit(instance, (kind, "new"))
    changes.link(instance, "new", photo, LINK_ASSET)
    changes.relabel(instance, "attribute=color;code=red")
    changes.delete(instance, (Kind.DOCUMENT, SHORT_SKIRT_YELLOW))
    read = [parse_notification(orjson.dumps(each.body)) for each in outbox.notifications]

    for notification, sent in zip(read, outbox.notifications, strict=True):
        assert (notification.uuid, notification.event) == (sent.uuid, sent.event)
        if notification.meaning is Meaning.RESOURCE:
            assert notification.code == sent.resource
            assert notification.kind is not None
            assert "fr_FR" in notification.locales
    assert {each.meaning for each in read} == {Meaning.RESOURCE, Meaning.ANNOUNCED_ELSEWHERE}
