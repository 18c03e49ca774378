"""Asks the PIM for resources: packed where that works, alone for what a pack did not hold."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

from pim.answers import Resource
from pim.client import PROBE_AGAIN_S, PimClient
from pim.kinds import Kind
from runtime.clock import Clock
from runtime.errors import PimAnswerUnusable, PimFilterIgnored, PimUnauthorized, TransientError
from runtime.logs import get_logger
from runtime.metrics import pim_denies_all, pim_kind_refused
from streams.quota_gate import QuotaGate
from topics.due import Lane

KIND_REFUSED_S: Final = 60.0
"""How long a kind is left alone whose resources a token may not read, though it may read others."""
_SINGLE: Final = 1

log = get_logger(__name__)


class Asker:
    """
    The PIM client of the fetch stage, one for each lane, all under one quota.

    Whether packs work is found out before the first one, by the worker that owns the requests.
    """

    def __init__(
        self,
        client: PimClient,
        gate: QuotaGate,
        *,
        batch_max: int,
        clock: Clock = time.monotonic,
    ) -> None:
        self._clients = {lane: client.through(gate.of(lane)) for lane in Lane}
        self._batch_max = batch_max
        self._clock = clock
        self._packs: bool | None = None
        self._probed_s = 0.0
        self._refusals: dict[Kind, tuple[PimUnauthorized, float]] = {}  # and until when not to ask
        self._probing = asyncio.Lock()
        self._live: dict[Kind, str] = {}  # a code of each kind that was there lately
        self.denies_all = False
        """Whether the PIM answers, but has nothing: its 404s cannot be believed."""
        self.recoveries = 0
        """How often it had something again after that."""
        pim_denies_all.set_function(lambda: gate.is_ours() and self.denies_all)
        for kind in Kind:
            pim_kind_refused.labels(kind.value).set_function(partial(self._is_refused, gate, kind))

    @property
    def pack_max(self) -> int:
        """How many codes may share a request; 1 until it is known that packs work."""
        return self._batch_max if self._packs else _SINGLE

    async def probe(self) -> None:
        """
        Find out whether the PIM honours the filter by ids; again after a while if it did not.

        Raises:
            PimUnavailable, PimUnauthorized, PimAnswerUnusable: as for any request.
        """
        async with self._probing:
            is_due = self._clock() - self._probed_s >= PROBE_AGAIN_S
            if self._packs is None or (not self._packs and is_due):
                self._packs = await self._clients[Lane.LIVE].probe_packing()
                self._probed_s = self._clock()
                log.info("packing.probed", works=self._packs)

    def to_pack(self, kind: Kind, codes: Sequence[str]) -> list[str]:
        """Return the first of *codes* that fit into one request."""
        return self._clients[Lane.LIVE].to_packs(kind, codes)[0]

    async def ask(self, kind: Kind, lane: Lane, codes: Sequence[str]) -> Mapping[str, Resource]:
        """
        Return the resources by code, complete; those that the PIM does not have are left out.

        Raises:
            PimUnavailable, PimUnauthorized: nothing can be said of any of them.
            PimAnswerUnusable: of one of them; ask for each alone.
        """
        client = self._clients[lane]
        found: dict[str, Resource] = {}
        missing = codes
        if len(codes) > _SINGLE:
            try:
                pack = await client.fetch_many(kind, codes)
            except PimFilterIgnored:
                log.warning("packing.stopped", kind=kind.value)
                self._packs, self._probed_s = False, self._clock()
                raise
            found, missing = dict(pack.found), pack.missing
        for code in missing:
            resource = await client.fetch(kind, code)
            if resource is not None:
                found[code] = resource
        for code, resource in found.items():
            found[code] = await client.complete(kind, resource)
            self._live[kind] = code
        self._refusals.pop(kind, None)
        if found:
            self._note(denies_all=False)
        return found

    async def has_live(self, kind: Kind) -> bool:
        """
        Whether the PIM can be believed right now: it still has a resource that is known to live.

        One of the kind itself; where the PIM says that there are none at all, one of another.
        """
        try:
            has_live = await self._finds_any(kind)
        except (TransientError, PimUnauthorized):
            return False
        except PimAnswerUnusable as error:
            has_live = False
            if error.status != HTTPStatus.NOT_FOUND:
                return False
        self._note(denies_all=not has_live)
        return has_live

    def refusal_of(self, kind: Kind) -> PimUnauthorized | None:
        """Return the error by which the PIM refused a kind lately; None: it may be asked for."""
        error, until_s = self._refusals.get(kind, (None, 0.0))
        return error if self._clock() < until_s else None

    async def refuses_all(self, kind: Kind) -> bool:
        """Whether a token that is refused for a kind is, as far as is known, for all of them."""
        refusal: PimUnauthorized | None = None
        for asked in sorted(Kind, key=lambda each: each is not kind):
            try:
                await self._clients[Lane.LIVE].fetch_page(asked, page=1, limit=1)
            except PimUnauthorized as error:
                refusal = error if asked is kind else refusal
            except (PimAnswerUnusable, TransientError):
                continue
            else:
                if asked is kind:
                    self._refusals.pop(kind, None)
                if refusal is not None:
                    self._refusals[kind] = refusal, self._clock() + KIND_REFUSED_S
                    log.error("pim.refuses_kind", kind=kind.value, error=str(refusal))
                return False
        return True

    async def is_gone(self, kind: Kind, code: str) -> bool:
        """
        Whether the PIM, which can be believed right now, does not have a resource.

        It shows another one first: it may have become well since it denied this one.
        """
        if not await self.has_live(kind):
            return False
        client = self._clients[Lane.LIVE]
        try:
            is_missing = await client.fetch(kind, code) is None
            return is_missing and await client.believes_absence(kind, code)
        except (TransientError, PimUnauthorized, PimAnswerUnusable):
            return False

    def forget(self) -> None:
        """Forget what is wrong with the PIM: another worker asks it from here on."""
        self.denies_all = False
        self._refusals.clear()

    def _is_refused(self, gate: QuotaGate, kind: Kind) -> bool:
        return gate.is_ours() and kind in self._refusals

    def _note(self, *, denies_all: bool) -> None:
        if denies_all == self.denies_all:
            return
        self.denies_all = denies_all
        if denies_all:
            log.error("pim.denies_all", todo="see that the token still has its scopes in Quable")
        else:
            self.recoveries += 1
            log.warning("pim.shows_again")

    async def _finds_any(self, kind: Kind) -> bool:
        if await self._finds_known(kind):
            return True
        page = await self._clients[Lane.LIVE].fetch_page(kind, page=1, limit=1)
        if page.resources:
            return True
        others = [each for each in self._live if each is not kind]
        return page.total == 0 and any([await self._finds_known(each) for each in others])

    async def _finds_known(self, kind: Kind) -> bool:
        code = self._live.get(kind)
        if code is None:
            return False
        if await self._clients[Lane.LIVE].fetch(kind, code) is not None:
            return True
        self._live.pop(kind, None)
        return False
