"""Edits one by one, each until a search finds it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final

import orjson
from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from bench.sites import Site

_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Found:
    """An edit that a search has found, or that was not found in time."""

    uuid: str
    edited_s: float  # unix seconds, as all
    found_s: float | None


@dataclass
class Watch:
    """Looks for all edits that wait by one search at a time, so that looking costs little."""

    site: Site
    client: AsyncElasticsearch
    within_s: float
    waiting: dict[str, tuple[int, asyncio.Future[float]]] = field(default_factory=dict)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if self.waiting:
                await self._look()
            await asyncio.sleep(_POLL_S)

    async def edit(self, code: str, expected: dict[str, int]) -> Found:
        """Edit a document; wait until a search finds it as it is now."""
        locale = self.site.settings.locales[0]
        change = await self.site.control("edit", kind="document", code=code, locale=locale)
        expected[code] = change["revision"]
        found: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.waiting[code] = (change["revision"], found)
        try:
            async with asyncio.timeout(self.within_s):
                return Found(change["uuid"], change["at_s"], await found)
        except TimeoutError:
            return Found(change["uuid"], change["at_s"], None)
        finally:
            del self.waiting[code]

    async def _look(self) -> None:
        revision_field = self.site.revision_field
        try:
            page = await self.client.search(
                index=f"{self.site.prefix}-{self.site.settings.locales[0].lower()}",
                query={"ids": {"values": [f"document:{code}" for code in self.waiting]}},
                source=False,
                fields=["code", revision_field],
                size=len(self.waiting),
            )
        except (ApiError, TransportError):
            return
        for fields in (hit["fields"] for hit in page["hits"]["hits"]):
            wanted, found = self.waiting.get(fields["code"][0], (0, None))
            held = fields.get(revision_field, [0])[0]
            if found is not None and not found.done() and held >= wanted:
                found.set_result(time.time())


async def read_accepted(site: Site, edits: Sequence[Found]) -> dict[str, float]:
    """Return when the webhook's call of each edit was accepted, by its uuid."""
    wanted = {edit.uuid for edit in edits}
    answer = await site.http.get("/control/webhook/notifications", params={"state": "accepted"})
    lines = (orjson.loads(line) for line in answer.content.splitlines())
    return {line["uuid"]: line["accepted_s"] for line in lines if line["uuid"] in wanted}


def to_spans(
    edits: Sequence[Found], accepted_s: Mapping[str, float] | None = None, *, within_s: float
) -> dict[str, float | int]:
    """
    Return p50, p95 and p99 from the edit, or from the accepted call; what was not found counts as
    the time that was waited for it.
    """
    spans = []
    for edit in edits:
        since_s = edit.edited_s if accepted_s is None else accepted_s.get(edit.uuid, edit.edited_s)
        spans.append(within_s if edit.found_s is None else max(0.0, edit.found_s - since_s))
    if len(spans) < 2:  # noqa: PLR2004  # quantiles need two
        return {"edits": len(spans)}
    cuts = quantiles(spans, n=100, method="inclusive")
    p50, p95, p99 = (round(cuts[place], 3) for place in (49, 94, 98))
    late = sum(edit.found_s is None for edit in edits)
    return {"p50_s": p50, "p95_s": p95, "p99_s": p99, "edits": len(spans), "not_found": late}


def to_moments(
    edits: Sequence[Found], accepted_s: Mapping[str, float], began_s: float
) -> list[list[float | None]]:
    """Return when each was edited, accepted and found, in seconds since the beginning."""
    return [
        [
            None if moment is None else round(moment - began_s, 3)
            for moment in (edit.edited_s, accepted_s.get(edit.uuid), edit.found_s)
        ]
        for edit in edits
    ]
