import pytest

from pim.kinds import Kind
from simulator import changes
from simulator.behaviour import Behaviour
from simulator.events import EVENT_CODES
from simulator.instance import Author
from simulator.notifications import new_process
from simulator.schema import LINK_ASSET
from simulator.special_codes import SHORT_SKIRT, SHORT_SKIRT_GREEN, SHORT_SKIRT_YELLOW
from tests.simulator.simulators import Outbox, make_instance

YELLOW = Kind.DOCUMENT, SHORT_SKIRT_YELLOW
PHOTO = Kind.ASSET, SHORT_SKIRT_YELLOW


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def test_an_edit_of_a_document_is_one_notification(outbox: Outbox) -> None:
    changes.edit(make_instance(outbox), YELLOW)

    assert outbox.take() == [("document.update", SHORT_SKIRT_YELLOW)]


def test_an_edit_of_a_variant_announces_its_document(outbox: Outbox) -> None:
    changes.edit(make_instance(outbox), (Kind.VARIANT, "short-skirt-yellow-S"))

    assert outbox.take() == [
        ("variant.update", "short-skirt-yellow-S"),
        ("document.update", SHORT_SKIRT_YELLOW),
    ]


def test_a_new_variant_announces_no_document(outbox: Outbox) -> None:
    changes.create(make_instance(outbox), (Kind.VARIANT, "new"), parent=SHORT_SKIRT)

    assert outbox.take() == [("variant.create", "new")]


def test_an_edit_of_an_asset_announces_every_linked_document(outbox: Outbox) -> None:
    instance = make_instance(outbox)
    changes.link(instance, SHORT_SKIRT_GREEN, PHOTO, LINK_ASSET)
    outbox.take()
    changes.edit(instance, PHOTO, {"name": "Jupe"})

    assert outbox.take() == [
        ("media.update", SHORT_SKIRT_YELLOW),
        ("document.update", SHORT_SKIRT_YELLOW),
        ("document.update", SHORT_SKIRT_GREEN),
    ]


def test_a_classification_announces_itself_only(outbox: Outbox) -> None:
    changes.edit(make_instance(outbox), (Kind.CLASSIFICATION, "classification_skirts"))

    assert outbox.take() == [("classification.update", "classification_skirts")]


def test_a_new_link_to_an_asset_announces_its_document_twice(outbox: Outbox) -> None:
    instance = make_instance(outbox)
    link = changes.link(instance, SHORT_SKIRT_GREEN, PHOTO, LINK_ASSET)

    assert outbox.take() == [
        ("link.create", link.code),
        ("document.update", SHORT_SKIRT_GREEN),
        ("media.update", SHORT_SKIRT_YELLOW),
        ("document.update", SHORT_SKIRT_YELLOW),
        ("document.update", SHORT_SKIRT_GREEN),
    ]


def test_a_deleted_document_announces_its_links_and_what_was_linked(outbox: Outbox) -> None:
    instance = make_instance(outbox)
    links = [link.id for link in instance.catalog.links_of(YELLOW)]
    changes.delete(instance, YELLOW)
    taken = outbox.take()

    assert taken[0] == ("document.delete", SHORT_SKIRT_YELLOW)
    assert [code for event, code in taken if event == "link.delete"] == links
    assert taken.count(("document.update", SHORT_SKIRT)) == 2
    assert ("media.update", SHORT_SKIRT_YELLOW) in taken
    assert ("document.update", SHORT_SKIRT_YELLOW) not in taken
    assert sum(event == "variant.delete" for event, _ in taken) == 3


def test_the_variants_of_a_deleted_document_may_go_unannounced(outbox: Outbox) -> None:
    instance = make_instance(outbox, behaviour=Behaviour(variants_announced=False))
    changes.delete(instance, YELLOW)

    assert not any(event == "variant.delete" for event, _ in outbox.take())
    assert instance.catalog.variants_of(SHORT_SKIRT_YELLOW) == []


def test_a_changed_label_announces_every_document_that_uses_it(outbox: Outbox) -> None:
    instance = make_instance(outbox)
    users = instance.catalog.users_of("attribute=color;code=yellow")
    changes.relabel(instance, "attribute=color;code=yellow", "Citron")
    taken = outbox.take()

    assert taken[0] == ("value.update", "attribute=color;code=yellow")
    assert taken[1:] == [("document.update", code) for _, code in users]
    assert YELLOW in users


def test_a_deleted_value_announces_those_that_used_it(outbox: Outbox) -> None:
    instance = make_instance(outbox)
    changes.delete_value(instance, "attribute=color;code=yellow")

    assert ("document.update", SHORT_SKIRT_YELLOW) in outbox.take()
    assert instance.resource(YELLOW).values["color_choice"] == []


def test_a_process_ends_with_its_own_event(outbox: Outbox) -> None:
    instance, process = make_instance(outbox), new_process("bulk_edit")
    changes.edit(instance, YELLOW, author=Author(process=process))
    changes.finish(instance, process)

    assert [event for event, _ in outbox.take()] == ["document.update", "bulk_edit.finish"]


def test_a_silent_edit_is_announced_to_nobody(outbox: Outbox) -> None:
    change = changes.edit(make_instance(outbox), YELLOW, author=Author(silent=True))

    assert outbox.take() == []
    assert (change.uuid, change.notifications) == (None, 0)
    assert change.revision == 2


def test_every_event_has_a_documented_code(outbox: Outbox) -> None:
    instance = make_instance(outbox)
    changes.delete(instance, YELLOW)
    changes.recreate(instance, YELLOW)
    changes.edit(instance, PHOTO)

    assert {event for event, _ in outbox.take()} <= set(EVENT_CODES)
