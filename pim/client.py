"""The client of Quable's REST API v5: reads resources, singly, packed and by pages; and webhooks."""

import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Final

import httpx

from pim.answers import (
    FetchedPack,
    Page,
    Resource,
    match_pack,
    parse_page,
    parse_resource,
    to_code,
)
from pim.completion import complete
from pim.connection import ANSWER_MAX_BYTES, TIMEOUT_S, PimConnection
from pim.cuts import Source
from pim.gate import Gate, OpenGate
from pim.kinds import COLLECTIONS, Kind
from pim.pages import read_all
from pim.retries import RetryPolicy
from pim.urls import (
    PAGE_MAX,
    Filters,
    is_hard_on_paths,
    is_reachable_by_path,
    parse_pim_url,
)
from pim.webhooks import Webhook, parse_webhook
from runtime.clock import Clock
from runtime.errors import PimAnswerUnusable, PimFilterIgnored

PACK_MAX: Final = 50
"""Resources in one request by their ids; no limit is documented."""
ATTRIBUTE_PAGES_MAX: Final = 1_000
WEBHOOK_PAGES_MAX: Final = 10
PROBE_AGAIN_S: Final = 600.0
"""After which a filter that was not honoured is tried again: what was probed may have been gone."""
_PROBED: Final = 2
_ABSENT: Final = "-quindex-absent"


class PimClient:
    """
    Reads what the PIM holds; every HTTP request passes *gate* by itself.

    All methods raise what `PimConnection.get` does:
        PimUnavailable: no answer, 429, 5xx or no data, also after a few tries; *status* and
            *retry_after_s* where the PIM gave them. PimTimeout: no whole answer in *timeout_s*.
        PimUnauthorized: 401 or 403.
        PimAnswerUnusable: another answer than the one asked for. PimAnswerTooLarge: more than
            *answer_max_bytes*, decompressed.

    Raises:
        ValueError: *url* is no address, or *token* cannot be a header.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        gate: Gate | None = None,
        batch_max: int = PACK_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = TIMEOUT_S,
        answer_max_bytes: int = ANSWER_MAX_BYTES,
        retries: RetryPolicy | None = None,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
    ) -> None:
        assert 1 <= batch_max <= PAGE_MAX
        self._urls = parse_pim_url(url)
        self._gate: Gate = gate or OpenGate()
        self._batch_max = batch_max
        self._clock = clock
        self._filters_ids: dict[Kind, tuple[bool, float]] = {}  # as was seen last, and when
        self._connection = PimConnection(
            token,
            transport=transport,
            timeout_s=timeout_s,
            answer_max_bytes=answer_max_bytes,
            retries=retries,
            clock=clock,
            wall_clock=wall_clock,
        )

    def __repr__(self) -> str:
        return f"PimClient({self._urls.api!r})"

    def through(self, gate: Gate) -> "PimClient":
        """Return a client whose requests pass another gate; connections and tries are shared."""
        other = copy(self)
        other._gate = gate  # noqa: SLF001  # its own class's
        return other

    async def aclose(self) -> None:
        """Close all connections, also those of clients made by *through*."""
        await self._connection.aclose()

    async def check(self) -> None:
        """Ask for one document, to see that address and token are right."""
        await self.fetch_page(Kind.DOCUMENT, page=1, limit=1, order=None)

    async def fetch(self, kind: Kind, code: str) -> Resource | None:
        """
        Return the resource as it is now, or None if the PIM no longer has it.

        One request; two where a code is hard on paths, such as one with a slash, and a list does
        not find it; and before the first such code of a kind, those of `probe_packing`.
        """
        if is_hard_on_paths(code) and await self._finds_by_id(kind):
            try:
                pack = await self.fetch_many(kind, [code])
            except PimFilterIgnored:
                self._filters_ids[kind] = False, self._clock()
            else:
                if code in pack.found or not is_reachable_by_path(code):
                    return pack.found.get(code)
        if not is_reachable_by_path(code):
            raise PimAnswerUnusable("no address leads to a code with dot segments")
        decoded = await self._connection.get(self._urls.to_resource(kind, code), self._gate)
        return None if decoded is None else parse_resource(decoded, code)

    async def fetch_many(self, kind: Kind, codes: Sequence[str]) -> FetchedPack:
        """
        Return several resources by one request, as `to_packs` splits them.

        A missing code is asked for alone before it counts as gone.

        Raises:
            PimFilterIgnored: the list holds resources that were not asked for.
        """
        assert 1 <= len(codes) <= self._batch_max
        return match_pack(await self._get_page(self._urls.to_pack(kind, codes)), codes)

    def to_packs(self, kind: Kind, codes: Iterable[str]) -> list[list[str]]:
        """Split codes into packs that fit into one request each, in the given order."""
        return self._urls.to_packs(kind, codes, batch_max=self._batch_max)

    async def fetch_page(
        self,
        kind: Kind,
        *,
        page: int,
        limit: int = PAGE_MAX,
        order: str | None = "id",
        modified_after_s: float | None = None,
        filters: Filters | None = None,
    ) -> Page:
        """
        Return one page (from 1) of all resources of a kind, ascending by *order*.

        *modified_after_s* is unix time; *filters* are such as `{"documentType.id": "product"}`.
        The PIM ignores a filter that it does not know.
        """
        return await self._get_page(
            self._urls.to_list(
                COLLECTIONS[kind],
                page=page,
                limit=limit,
                order=order,
                modified_after_s=modified_after_s,
                filters=filters,
            )
        )

    async def probe_packing(self, kind: Kind = Kind.DOCUMENT) -> bool:
        """
        Find out whether `fetch_many` works: whether lists of this kind honour the filter by ids.

        False too where there are none, since nothing can be told then. At most three requests.
        """
        known = await self.fetch_page(kind, page=1, limit=_PROBED)
        codes = [code for code in map(to_code, known.resources) if code is not None][:_PROBED]
        works = len(set(codes)) == _PROBED and await self._finds_only(kind, codes)
        if works and (known.total or 0) <= _PROBED:
            # Of two in all, a list that ignores the filter holds just the same two.
            works = await self._finds_only(kind, codes[:1])
        elif len(codes) == 1:
            works = await self._finds_none(kind, codes[0] + _ABSENT)
        if codes:
            self._filters_ids[kind] = works, self._clock()
        return works

    async def believes_absence(self, kind: Kind, code: str) -> bool:
        """
        Whether it says something of a resource that `fetch` has not found it.

        Not where only its path was asked, and a router may have refused that for its characters.
        """
        return not is_hard_on_paths(code) or await self._finds_by_id(kind)

    async def _finds_by_id(self, kind: Kind) -> bool:
        works, probed_s = self._filters_ids.get(kind, (False, float("-inf")))
        if not works and self._clock() - probed_s >= PROBE_AGAIN_S:
            return await self.probe_packing(kind)
        return works

    async def _finds_none(self, kind: Kind, code: str) -> bool:
        page = await self._get_page(self._urls.to_pack(kind, [code]))
        return not page.resources and page.total == 0

    async def _finds_only(self, kind: Kind, codes: Sequence[str]) -> bool:
        page = await self._get_page(self._urls.to_pack(kind, codes))
        try:
            missing = match_pack(page, codes).missing
        except PimFilterIgnored:
            return False
        return not missing and page.total == len(codes)

    async def webhooks(self) -> list[Webhook]:
        """Return the webhook subscriptions."""
        pages = await read_all(self._get_webhooks, pages_max=WEBHOOK_PAGES_MAX)
        return [parse_webhook(each) for each in pages.resources]

    async def create_webhook(self, payload: Mapping[str, object]) -> Webhook:
        """Subscribe; needs the token with Full Access."""
        url = self._urls.to_webhooks()
        return parse_webhook(await self._connection.send("POST", url, payload, self._gate))

    async def enable_webhook(self, webhook: Webhook) -> Webhook:
        """Make a subscription active and change nothing else of it; needs Full Access."""
        url = self._urls.to_webhooks(webhook.id)
        payload = webhook.to_payload(active=True)
        return parse_webhook(await self._connection.send("PUT", url, payload, self._gate))

    async def attributes(self) -> list[Resource]:
        """Return the definitions of all attributes; a code may come once per document type."""
        pages = await read_all(self._get_attributes, pages_max=ATTRIBUTE_PAGES_MAX)
        if not pages.whole:
            raise PimAnswerUnusable("the PIM's list of attributes does not end")
        return pages.resources

    async def complete(self, kind: Kind, resource: Resource) -> Resource:
        """
        Return the resource with the lists completed that Quable cuts at 100.

        No request where `find_cuts` finds none; else one per 100 members, and for links from both
        ends.
        """
        return await complete(self._get_source, kind, resource)

    async def _get_attributes(self, page: int) -> Page:
        return await self._get_page(
            self._urls.to_list("attributes", page=page, limit=PAGE_MAX, order="id")
        )

    async def _get_webhooks(self, page: int) -> Page:
        return await self._get_page(self._urls.to_list("webhooks", page=page, limit=PAGE_MAX))

    async def _get_source(self, source: Source, code: str, page: int) -> Page:
        return await self._get_page(
            self._urls.to_list(
                source.collection,
                page=page,
                limit=PAGE_MAX,
                order="id",
                filters={source.filter: code},
            )
        )

    async def _get_page(self, url: str) -> Page:
        decoded = await self._connection.get(url, self._gate)
        if decoded is None:
            raise PimAnswerUnusable("the PIM has no such list; is its address right?", status=404)
        return parse_page(decoded)
