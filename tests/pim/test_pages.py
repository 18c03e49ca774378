import asyncio

import pytest

from pim.answers import Page
from pim.pages import AllPages, read_all
from runtime.errors import PimFilterIgnored


class Pages:
    """A list of pages; an *endless* one repeats its last page for ever."""

    def __init__(self, *pages: list[str], endless: bool = False) -> None:
        self._pages = pages
        self._endless = endless
        self.asked: list[int] = []

    async def read(self, number: int) -> Page:
        self.asked.append(number)
        codes = self._pages[min(number, len(self._pages)) - 1]
        has_next = self._endless or number < len(self._pages)
        return Page([{"id": code} for code in codes], has_next=has_next, total=None)


def read(pages: Pages, *, pages_max: int = 10) -> AllPages:
    return asyncio.run(read_all(pages.read, pages_max=pages_max))


def codes(pages: AllPages) -> list[str]:
    return [resource["id"] for resource in pages.resources]


def test_all_pages_are_read_in_order() -> None:
    pages = Pages(["a", "b"], ["c", "d"], ["e"])
    everything = read(pages)

    assert codes(everything) == ["a", "b", "c", "d", "e"]
    assert everything.whole
    assert pages.asked == [1, 2, 3]


def test_more_pages_than_allowed_are_not_the_whole_list() -> None:
    everything = read(Pages(["a"], ["b"], ["c"]), pages_max=2)

    assert codes(everything) == ["a", "b"]
    assert not everything.whole


def test_a_pim_that_does_not_turn_pages_is_found_out() -> None:
    pages = Pages(["a", "b"], endless=True)
    everything = read(pages)

    assert codes(everything) == ["a", "b"]
    assert not everything.whole
    assert pages.asked == [1, 2]


def test_a_last_page_that_repeats_the_one_before_ends_the_list() -> None:
    assert read(Pages(["a"], ["a"])).whole


def test_an_ignored_filter_is_found_out_at_the_first_stranger() -> None:
    pages = Pages(["a"], ["b"], ["c"])

    with pytest.raises(PimFilterIgnored):
        asyncio.run(read_all(pages.read, pages_max=9, holds=lambda each: each["id"] != "b"))
    assert pages.asked == [1, 2]
