"""Quable behind the client's transport: it counts, lags, denies, fails and is slow."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import httpx
import orjson

from simulator.quota import Quota, SlidingCount
from tests.simulated.network import Line

LOCALES: Final = ("fr_FR", "en_GB")
_DEADLINE_S: Final = 45.0
_RESOURCE: Final = re.compile(r"^/api/documents/([^/?]+)$")
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Resource:
    """A document as it was from some moment on: a revision for each locale; None: gone."""

    since_s: float
    revision: int
    revisions: tuple[int, ...] | None

    def show(self, code: str) -> dict[str, Any]:
        """Return it as the API answers it."""
        assert self.revisions is not None
        names = dict(zip(LOCALES, self.revisions, strict=True))
        return {
            "id": code,
            "dateModified": datetime.fromtimestamp(int(self.since_s), UTC).isoformat(),
            "attributes": {
                "revision": self.revision,
                "label": {locale: f"{code} {locale} {seen}" for locale, seen in names.items()},
            },
        }


@dataclass
class Moods:
    """What is wrong with it right now."""

    lag_s: float = 0.0
    status: int | None = None
    silent: bool = False
    denied: frozenset[str] | None = frozenset()  # codes; None: everything
    slow_s: float = 0.0


@dataclass
class Pim:
    """Holds the documents and their past, and counts what is asked."""

    clock: Callable[[], float]
    random: Random
    quota: Quota
    moods: Moods = field(default_factory=Moods)
    past: dict[str, list[Resource]] = field(default_factory=dict)
    arrivals: int = 0
    refused: int = 0
    lied: set[tuple[str, int]] = field(default_factory=set)
    lagged: set[str] = field(default_factory=set)
    denied_last: set[str] = field(default_factory=set)  # live, and it was denied when asked last
    _counts: list[SlidingCount] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counts = [SlidingCount(window.window_s) for window in self.quota.windows]

    @property
    def peaks(self) -> list[int]:
        """The most requests that ever came within each window."""
        return [count.peak for count in self._counts]

    def now(self, code: str) -> Resource | None:
        """Return a document as it is; None: it never was."""
        return self.past[code][-1] if code in self.past else None

    def live(self) -> list[str]:
        """Return the codes of what is there, oldest first."""
        return [code for code, past in self.past.items() if past[-1].revisions is not None]

    def change(self, code: str, locale: int | None) -> Resource:
        """Edit a locale, or create; *locale* None: delete."""
        before = self.now(code)
        number = before.revision + 1 if before else 1
        revisions: tuple[int, ...] | None = None
        if locale is not None:
            held = (before.revisions if before else None) or (number,) * len(LOCALES)
            revisions = tuple(number if at == locale else seen for at, seen in enumerate(held))
        resource = Resource(self.clock(), number, revisions)
        self.past.setdefault(code, []).append(resource)
        return resource

    def arrive(self, request: httpx.Request) -> tuple[int, dict[str, Any]]:
        """Count a request, and answer it as things are now, or as it claims they are."""
        now_s = self.clock()
        self.arrivals += 1
        for count in self._counts:
            count.add(now_s)
        if (wait_s := self.quota.take(now_s)) is not None:
            self.refused += 1
            return _TOO_MANY, {"retry_after": wait_s}
        if self.moods.status is not None:
            return self.moods.status, {}
        path = request.url.raw_path.decode().partition("?")[0]
        if (found := _RESOURCE.match(path)) is not None:
            code = unquote(found[1])
            shown = self._show(code)
            self._note_denied(code, shown)
            return (404, {}) if shown is None else (200, shown)
        return 200, self._list(dict(parse_qsl(request.url.query.decode())), request)

    def _list(self, query: dict[str, str], request: httpx.Request) -> dict[str, Any]:
        wanted = [value for name, value in parse_qsl(request.url.query.decode()) if name == "id[]"]
        codes = wanted or sorted(self.past)
        answers = {code: self._show(code) for code in codes}
        for code in wanted:
            self._note_denied(code, answers[code])
        shown = [each for each in answers.values() if each is not None]
        page, limit = int(query["page"]), int(query["limit"])
        return {
            "hydra:member": shown[(page - 1) * limit : page * limit],
            "hydra:totalItems": len(shown),
        }

    def was_deleted(self, code: str, revision: int) -> bool:
        """Whether a revision of a document was its end."""
        return any(each.revision == revision and not each.revisions for each in self.past[code])

    def _note_denied(self, code: str, shown: dict[str, Any] | None) -> None:
        is_live = code in self.past and self.past[code][-1].revisions is not None
        (self.denied_last.add if is_live and shown is None else self.denied_last.discard)(code)

    def _show(self, code: str) -> dict[str, Any] | None:
        moods, past = self.moods, self.past.get(code)
        if past is None or moods.denied is None or code in moods.denied:
            return None
        at_s = self.clock() - moods.lag_s
        seen = next((each for each in reversed(past) if each.since_s <= at_s), None)
        if seen is not past[-1]:
            self.lied.add((code, seen.revision if seen else 0))
            self.lagged.add(code)
        return seen.show(code) if seen is not None and seen.revisions is not None else None


@dataclass
class PimTransport(httpx.AsyncBaseTransport):
    """One worker's way to it: a request that was sent arrives, whatever becomes of its sender."""

    pim: Pim
    line: Line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send; the answer is of the moment of arrival."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[tuple[int, dict[str, Any]]] = loop.create_future()
        silent = self.pim.moods.silent

        def arrive() -> None:
            answer = self.pim.arrive(request)
            if not answered.done() and not silent:
                answered.set_result(answer)

        loop.call_later(self.line.delay_s() + self.pim.moods.slow_s, arrive)
        if silent:
            await asyncio.sleep(_DEADLINE_S)
        status, body = await answered
        await self.line.receive()
        headers = {"content-type": "application/ld+json"}
        if status == _TOO_MANY:
            headers["retry-after"] = f"{max(1, round(body['retry_after']))}"
        return httpx.Response(status, headers=headers, content=orjson.dumps(body))
