"""The owner of `due` asks for the types of attributes; everyone else reads what it publishes."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import PimAnswerUnusable, PimUnavailable, QuindexError
from sinks.attribute_types import AttributeType
from sinks.reference import Reference
from streams.attributes import AttributeRefresher, diff, to_type_names
from tests.clock import FakeClock
from topics.memory import MemoryPublisher

NAMES = st.dictionaries(st.text(max_size=5), st.sampled_from(["text", "decimal", "date", ""]))


class Pim:
    def __init__(self, *definitions: Mapping[str, Any]) -> None:
        self.definitions, self.asked = list(definitions), 0
        self.failure: QuindexError | None = None

    async def attributes(self) -> list[Mapping[str, Any]]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.definitions


class Owner:
    def __init__(self, pim: Pim) -> None:
        self.reference, self.publisher, self.clock = Reference(), MemoryPublisher(), FakeClock()
        self.is_owner = True
        self.refresher = AttributeRefresher(
            definitions=pim,
            reference=self.reference,
            publisher=self.publisher,
            topic="quindex.reference",
            is_owner=lambda: self.is_owner,
            clock=self.clock,
        )

    def refresh(self) -> int:
        return asyncio.run(self.refresher.refresh())


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ({"id": "a", "type": "decimal"}, "decimal"),
        ({"id": "a", "type": {"id": "decimal"}}, "decimal"),
        ({"id": "a", "attributeType": "date"}, "date"),
        ({"id": "a", "type": ["text"]}, ""),
        ({"id": "a"}, ""),
    ],
)
def test_the_type_is_named_in_one_of_several_ways(definition: dict[str, Any], name: str) -> None:
    assert to_type_names([definition, {"type": "no id"}]) == {"a": name}


def test_an_attribute_of_two_types_has_none() -> None:
    definitions = [{"id": "a", "type": "text"}, {"id": "a", "type": "date"}]

    assert to_type_names(definitions) == {"a": ""}
    assert to_type_names([definitions[0], definitions[0]]) == {"a": "text"}


@given(NAMES, NAMES)
def test_what_is_published_makes_of_what_is_known_what_was_found(
    known: dict[str, str], found: dict[str, str]
) -> None:
    reference = Reference()
    for key, value in (*diff({}, known), *diff(known, found)):
        reference.apply(key, value)

    assert reference.type_names == found
    assert reference.types.keys() == {code for code, name in found.items() if name}


def test_only_what_changed_is_published() -> None:
    pim = Pim({"id": "a", "type": "decimal"}, {"id": "b", "type": "text"})
    owner = Owner(pim)

    assert (owner.refresh(), owner.refresh()) == (2, 0)
    assert owner.reference.types == {"a": AttributeType.NUMBER, "b": AttributeType.TEXT}
    pim.definitions = [{"id": "a", "type": "date"}]
    assert owner.refresh() == 2
    assert owner.reference.types == {"a": AttributeType.DATE}


def test_a_pim_that_forgets_everything_is_not_believed() -> None:
    pim = Pim({"id": "a", "type": "decimal"})
    owner = Owner(pim)
    owner.refresh()
    pim.definitions = []

    with pytest.raises(PimAnswerUnusable):
        owner.refresh()
    assert owner.reference.types == {"a": AttributeType.NUMBER}


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # no event tells it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("failure", [None, PimUnavailable("503"), PimAnswerUnusable("404")])
def test_the_owner_asks_at_once_and_goes_on_whatever_the_pim_says(
    failure: QuindexError | None,
) -> None:
    async def main() -> None:
        pim = Pim({"id": "a", "type": "decimal"})
        pim.failure = failure
        owner = Owner(pim)
        owner.is_owner = False
        task = asyncio.create_task(owner.refresher.run())
        await asyncio.sleep(0)
        assert pim.asked == 0
        owner.is_owner = True
        await owner.refresher.wait()

        assert pim.asked == 1
        owner.clock.advance(600)
        await until(lambda: pim.asked == 2)
        owner.is_owner = False
        await until(lambda: not owner.refresher.looked.is_set())
        task.cancel()

    asyncio.run(main())
