"""Completing the lists of a resource that Quable cut at 100."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from pim.answers import Page, Resource, to_code
from pim.cuts import Source, complete_lists, find_cuts, to_sources
from pim.kinds import Kind
from pim.pages import read_all
from runtime.errors import PimAnswerUnusable
from runtime.logs import get_logger

COMPLETION_PAGES_MAX: Final = 100
"""Of one collection for one resource: 10,000 links from each end."""

log = get_logger(__name__)

ReadSource = Callable[[Source, str, int], Awaitable[Page]]
"""Reads one page, from 1, of what a source holds of a resource; one request."""


async def complete(read: ReadSource, kind: Kind, resource: Resource) -> Resource:
    """
    Return the resource with its cut lists completed.

    A list stays as it is, and is logged, where the PIM does not give it filtered. Beyond
    *COMPLETION_PAGES_MAX* pages the rest is left out, and that is logged.
    """
    cuts, code = find_cuts(kind, resource), to_code(resource)
    if not cuts or code is None:
        return resource
    members: dict[Source, Sequence[Resource]] = {}
    for source in to_sources(kind, cuts):
        try:
            pages = await read_all(
                partial(read, source, code),
                pages_max=COMPLETION_PAGES_MAX,
                holds=partial(source.holds, code=code),
            )
        except PimAnswerUnusable as error:
            log.warning("list.left_cut", kind=kind, code=code, lists=cuts, reason=error.reason)
            continue
        if not pages.whole:
            log.warning("list.left_cut", kind=kind, code=code, lists=cuts, reason="too_long")
        members[source] = pages.resources
    return complete_lists(kind, resource, members)
