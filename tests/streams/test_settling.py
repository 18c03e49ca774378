"""Which documents are indexed: those of the document types that were asked for."""

from typing import Any, cast

import pytest

from pim.kinds import Kind
from streams.settling import Settler
from tests.streams.examples import to_due_record
from tests.streams.pim import EPOCH, TOPICS
from topics.memory import MemoryPublisher
from topics.snapshots import Snapshot

ENDS = dict.fromkeys(range(12), 100)


def settle(kind: Kind, resource: dict[str, Any], *document_types: str) -> Snapshot:
    unused = cast(Any, None)
    settler = Settler(
        publisher=MemoryPublisher(),
        dead_letters=unused,
        topics=TOPICS,
        epoch=EPOCH,
        asker=unused,
        brake=unused,
        clock=lambda: 0.0,
        document_types=frozenset(document_types),
    )
    return settler.to_snapshot(to_due_record(kind=kind.value), resource, ENDS, 1.0)


def test_without_a_choice_documents_of_all_types_are_indexed() -> None:
    assert not settle(Kind.DOCUMENT, {"documentType": {"id": "color"}}).deleted


@pytest.mark.parametrize("document_type", [None, True, {}, ["color"]])
def test_a_type_that_cannot_be_read_takes_no_document_for_one_that_has_gone(
    document_type: object,
) -> None:
    assert not settle(Kind.DOCUMENT, {"documentType": document_type}, "color").deleted


@pytest.mark.parametrize("document_type", [{"id": "look"}, "look"])
def test_a_document_of_another_type_counts_as_one_that_is_not_there(document_type: object) -> None:
    snapshot = settle(Kind.DOCUMENT, {"documentType": document_type}, "color", "size")

    assert snapshot.deleted
    assert snapshot.resource == {}


def test_a_document_of_a_chosen_type_is_indexed() -> None:
    resource = {"documentType": {"id": "color"}}
    snapshot = settle(Kind.DOCUMENT, resource, "color", "size")

    assert not snapshot.deleted
    assert snapshot.resource == resource


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.DOCUMENT])
def test_the_choice_is_of_documents_only(kind: Kind) -> None:
    assert not settle(kind, {"documentType": {"id": "look"}}, "color").deleted
