"""Reading a list to its end, page by page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pim.answers import Page, Resource, to_code
from runtime.errors import PimFilterIgnored

ReadPage = Callable[[int], Awaitable[Page]]
"""Reads one page, from 1; one request."""


@dataclass(frozen=True, slots=True)
class AllPages:
    """All resources of a list; not *whole* if it has more pages than were allowed."""

    resources: list[Resource]
    whole: bool


async def read_all(
    read_page: ReadPage, *, pages_max: int, holds: Callable[[Resource], bool] = lambda _: True
) -> AllPages:
    """
    Read at most *pages_max* pages.

    Ends early where a page only repeats the one before: then the PIM does not turn pages.

    Raises:
        PimFilterIgnored: a page has a resource that does not pass *holds*.
    """
    resources: list[Resource] = []
    codes_before: list[str | None] = []
    for number in range(1, pages_max + 1):
        page = await read_page(number)
        if not all(holds(resource) for resource in page.resources):
            raise PimFilterIgnored("the PIM ignored the filter of a list")
        codes = [to_code(resource) for resource in page.resources]
        if codes == codes_before:
            return AllPages(resources, whole=not page.has_next)
        resources += page.resources
        if not page.has_next:
            return AllPages(resources, whole=True)
        codes_before = codes
    return AllPages(resources, whole=False)
