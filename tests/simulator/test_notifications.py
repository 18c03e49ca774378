from typing import Any

from pim.kinds import Kind
from simulator import changes
from simulator.behaviour import Addresses, Behaviour
from simulator.instance import Author
from simulator.notifications import new_process, to_call
from simulator.special_codes import BLUE_PANT
from tests.simulator.simulators import Outbox, make_instance

PANT = Kind.DOCUMENT, BLUE_PANT


def announce(
    *, behaviour: Behaviour | None = None, author: Author | None = None, **fields: Any
) -> dict[str, Any]:
    outbox = Outbox()
    instance = make_instance(outbox, behaviour=behaviour)
    changes.edit(
        instance, PANT, fields.pop("attributes", None), author=author or Author(), **fields
    )
    return outbox.notifications[0].body


def test_it_has_the_shape_of_quables_example() -> None:
    body = announce(attributes={"color": "red", "name": "Pantalon"})

    assert body.keys() == {
        "uuid",
        "code",
        "links",
        "created_at",
        "created_by",
        "resource",
        "process",
    }
    assert body["created_at"] == "2023-11-14T22:13:20+00:00"
    assert body["links"] == [{"rel": "self", "href": f"/events/{body['uuid']}"}]
    assert body["resource"] == {
        "code": "product_blue_pant",
        "type": "document",
        "document_type_code": "product",
        "links": [
            {
                "rel": "self",
                "href": "https://simulator.quable.com/api/documents/product_blue_pant",
            }
        ],
        "locales": {"updated": ["fr_FR"], "inherited": ["fr_FR", "fr_BE", "en_GB"]},
        "updated_items": [{"type": "field", "code": "color"}, {"type": "field", "code": "name"}],
    }
    assert body["process"].keys() == {"correlationId"}


def test_a_translatable_edit_names_the_locales_that_inherit_it() -> None:
    body = announce(attributes={"name": "Pantalon"}, locale="fr_FR")
    assert body["resource"]["locales"] == {"updated": ["fr_FR"], "inherited": ["fr_FR", "fr_BE"]}

    body = announce(attributes={"name": "Trousers"}, locale="en_GB")
    assert body["resource"]["locales"] == {"updated": ["en_GB"], "inherited": ["en_GB"]}


def test_a_process_has_an_id_and_a_type() -> None:
    process = new_process("import")
    body = announce(author=Author(process=process))

    assert body["process"] == {
        "type": "import",
        "id": process.id,
        "correlationId": process.correlation_id,
    }


def test_older_versions_have_no_process_and_other_addresses() -> None:
    behaviour = Behaviour(process_in_notifications=False, addresses=Addresses.V4)
    body = announce(behaviour=behaviour)

    assert "process" not in body
    assert "/api_1.php/documents/product_blue_pant" in body["resource"]["links"][0]["href"]


def test_a_cascade_may_keep_the_process_to_itself() -> None:
    outbox = Outbox()
    instance = make_instance(outbox, behaviour=Behaviour(process_in_cascades=False))
    author = Author(process=new_process("import"))
    changes.edit(instance, (Kind.VARIANT, "short-skirt-yellow-S"), author=author)
    shown = [each.body["process"] for each in outbox.notifications]

    assert [isinstance(each, dict) and "id" in each for each in shown] == [True, False]


def test_any_body_can_be_sent() -> None:
    call = to_call({"code": "unknown.event", "resource": None})

    assert call.body == {"uuid": call.uuid, "code": "unknown.event", "resource": None}
