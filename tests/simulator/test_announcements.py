"""Which changes Quable announces, seen from outside: what looks different must have been told."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from pim.kinds import Kind, to_kind
from simulator import changes
from simulator.hydra import Json
from simulator.instance import Change, Instance, NotThere
from simulator.model import ResourceKey
from simulator.schema import LINK_ASSET, LINK_RELATED
from tests.simulator.simulators import Outbox, make_instance

Action = Callable[[Instance, int], Change]


def some(instance: Instance, kind: Kind, number: int) -> ResourceKey:
    codes = instance.catalog.codes(kind)
    if not codes:
        raise NotThere(kind)
    return kind, codes[number % len(codes)]


def edit(instance: Instance, number: int) -> Change:
    return changes.edit(instance, some(instance, list(Kind)[number % 4], number // 4))


def delete(instance: Instance, number: int) -> Change:
    kind = (Kind.DOCUMENT, Kind.VARIANT, Kind.ASSET)[number % 3]
    return changes.delete(instance, some(instance, kind, number // 3))


def recreate(instance: Instance, number: int) -> Change:
    gone = [key for key in instance.deleted if key[0] is not Kind.VARIANT]
    if not gone:
        raise NotThere
    return changes.recreate(instance, gone[number % len(gone)])


def link(instance: Instance, number: int) -> Change:
    origin = some(instance, Kind.DOCUMENT, number // 2)[1]
    if number % 2:
        target = some(instance, Kind.DOCUMENT, number // 3)
        return changes.link(instance, origin, target, LINK_RELATED)
    return changes.link(instance, origin, some(instance, Kind.ASSET, number // 3), LINK_ASSET)


def unlink(instance: Instance, number: int) -> Change:
    links = list(instance.catalog.links)
    return changes.unlink(instance, links[number % len(links)] if links else "none")


def relabel(instance: Instance, number: int) -> Change:
    values = list(instance.catalog.values)
    return changes.relabel(instance, values[number % len(values)])


def delete_value(instance: Instance, number: int) -> Change:
    values = list(instance.catalog.values)
    return changes.delete_value(instance, values[number % len(values)] if values else "none")


ACTIONS: tuple[Action, ...] = (edit, delete, recreate, link, unlink, relabel, delete_value)


def look(instance: Instance) -> dict[ResourceKey, Json]:
    return {
        resource.key: instance.show(resource, complete=True)
        for resource in instance.catalog.all_resources()
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 10_000)), max_size=12))
def test_whatever_looks_different_was_announced(steps: list[tuple[Action, int]]) -> None:
    outbox = Outbox()
    instance = make_instance(outbox, documents=9)
    before = look(instance)
    for action, number in steps:
        outbox.take()
        try:
            action(instance, number)
        except NotThere:
            continue
        now = look(instance)
        named = ((to_kind(each.type), each.resource) for each in outbox.notifications)
        announced = {(kind, code) for kind, code in named if kind is not None}
        different = {key for key in before.keys() | now if before.get(key) != now.get(key)}
        assert different <= announced
        before = now


def test_a_new_variant_is_the_exception_its_document_is_not_announced() -> None:
    outbox = Outbox()
    instance = make_instance(outbox)
    before = look(instance)
    changes.create(instance, (Kind.VARIANT, "new"), parent="short-skirt")
    now = look(instance)

    assert {key for key in now if before.get(key) != now[key]} == {
        (Kind.VARIANT, "new"),
        (Kind.DOCUMENT, "short-skirt"),
    }
    assert outbox.take() == [("variant.create", "new")]
