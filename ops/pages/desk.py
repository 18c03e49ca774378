"""What the console looks at, read at most so often however many are looking."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from elasticsearch import AsyncElasticsearch

from ops.collector import FAILURES, Collector, to_reason
from ops.connections import publisher_of
from ops.explaining import Explainer, Gathered
from ops.facts import Facts
from ops.letter import Letter, LetterState
from ops.letters import NEWEST_MAX, LetterLog, decide, read_known, read_letters
from ops.pages.charts import Chart, to_chart
from ops.pages.history import read_requests, read_written
from ops.pages.suggesting import Suggestion, to_suggestion_request, to_suggestions
from ops.scanning import ScanLog, cancel_scan
from pim.kinds import Kind
from runtime.settings import Settings
from sinks.elasticsearch import connect
from sinks.fields import to_alias
from sinks.transfers import Phase, Transfer, read_transfer
from topics.scans import ScanRecord

FACTS_AGE_S: Final = 2.0
HISTORY_AGE_S: Final = 10.0
LETTERS_AGE_S: Final = 2.0
READ_MAX_S: Final = 5.0

T = TypeVar("T")


@dataclass
class Aged(Generic[T]):
    """The newest reading; whoever asks while one is under way gets that one."""

    read: Callable[[], Awaitable[T]]
    age_s: float
    clock: Callable[[], float] = time.monotonic
    _value: T | None = None
    _read_s: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> T:
        """Return what was read at most *age_s* ago."""
        async with self._lock:
            if self._value is None or self.clock() - self._read_s > self.age_s:
                self._value = await self.read()
                self._read_s = self.clock()
            return self._value

    def forget(self) -> None:
        """Read anew the next time."""
        self._read_s = float("-inf")


@dataclass(frozen=True, slots=True)
class Moving:
    """A rebuild or rollback, and how many search documents are where."""

    transfer: Transfer
    filled: int
    wanted: int

    @property
    def is_over(self) -> bool:
        """Whether it has come to its end."""
        return self.transfer.phase is Phase.DONE


class Desk:
    """Reads what pages show and does what they ask for; what cannot be read is None, with a reason."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._client: AsyncElasticsearch | None = None
        self._scans = ScanLog(settings)  # one for all: `due` is long
        self._collector = Collector(settings, scans=self._scans)
        self._facts = Aged(self._collector.collect, FACTS_AGE_S)
        self._charts = Aged(self._read_charts, HISTORY_AGE_S)
        self._letters = Aged(self._read_letters, LETTERS_AGE_S)

    @property
    def client(self) -> AsyncElasticsearch:
        """One client for all pages."""
        if self._client is None:
            self._client = connect(self.settings, request_timeout_s=READ_MAX_S)
        return self._client

    async def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.close()

    async def facts(self) -> Facts:
        """Return what `quindex status` knows."""
        return await self._facts.get()

    async def charts(self) -> Sequence[Chart]:
        """Return the last hour."""
        return await self._charts.get()

    async def letters(self) -> LetterLog:
        """
        Return the newest dead letters.

        Raises:
            KafkaError, ApiError, TransportError: they cannot be read.
        """
        return await self._letters.get()

    async def scans(self) -> list[ScanRecord]:
        """
        Return all scans, oldest first.

        Raises:
            Unreachable: Kafka does not answer.
        """
        return await self._scans.read()

    async def life(self, kind: Kind, code: str) -> Gathered:
        """
        Return the life of a resource.

        Raises:
            KafkaError, ApiError, TransportError: it cannot be read.
        """
        facts = await self.facts()
        return await Explainer(self.settings, self.client).gather(kind, code, facts=facts)

    async def suggest(self, text: str) -> list[Suggestion]:
        """
        Return resources whose code or name begins as *text*.

        Raises:
            ApiError, TransportError: Elasticsearch does not say.
        """
        if not text.strip():
            return []
        alias = to_alias(self.settings.index_prefix, self.settings.locales[0])
        answer = await self.client.search(index=alias, **to_suggestion_request(text.strip()))
        return to_suggestions(answer.body)

    async def moving(self) -> Moving | None:
        """
        Return the newest rebuild or rollback.

        Raises:
            ApiError, TransportError: Elasticsearch does not say.
        """
        stored = await read_transfer(self.client, self.settings.index_prefix)
        if stored is None:
            return None
        transfer = stored.transfer
        filled, wanted = await asyncio.gather(
            self._count(transfer.target), self._count(transfer.previous)
        )
        return Moving(transfer, filled, wanted)

    async def decide(self, ids: Sequence[str], state: LetterState) -> tuple[int, int]:
        """
        Redrive or discard letters; return how many, and how many resources are looked at again.

        Only letters that *ids* names are meant: without ids, none is.

        Raises:
            KafkaError, QuindexError: it may or may not be kept.
        """
        if not ids:
            return 0, 0
        log, named = await self._read_letters(), frozenset(ids)
        chosen: list[Letter] = [
            each for each in log.letters if each.id in named and each.state is LetterState.OPEN
        ]
        looking = 0
        if chosen:
            known = await read_known(self.settings)
            async with publisher_of(self.settings) as publisher:
                looking = await decide(
                    publisher, self.settings, chosen, state, firsts=log.firsts, known=known
                )
        self._letters.forget()
        self._facts.forget()
        return len(chosen), looking

    async def cancel(self, scan_id: str) -> None:
        """Ask the owner of `due` to stop a scan."""
        await cancel_scan(self.settings, scan_id)
        self._facts.forget()

    async def _read_letters(self) -> LetterLog:
        return await read_letters(
            self.settings, self.client, newest_max=NEWEST_MAX, within_s=READ_MAX_S
        )

    async def _count(self, indices: Mapping[str, str]) -> int:
        if not indices:
            return 0
        found: Any = await self.client.count(
            index=",".join(indices.values()), ignore_unavailable=True
        )
        return int(found["count"])

    async def _read_charts(self) -> Sequence[Chart]:
        now_s = time.time()
        written, requests = await asyncio.gather(
            _try(read_written(self.client, self.settings, now_s)),
            _try(read_requests(self.settings)),
        )
        charts = []
        if not isinstance(written, str):
            charts = [
                to_chart(
                    "freshness",
                    "Freshness: 95 % were searchable within",
                    "s",
                    written.freshness,
                    now_s=now_s,
                    digits=1,
                ),
                to_chart(
                    "throughput",
                    "Search documents written a minute",
                    "documents",
                    written.throughput,
                    now_s=now_s,
                ),
            ]
        if not isinstance(requests, str):
            charts.append(
                to_chart("quota", "Requests to the PIM a minute", "requests", requests, now_s=now_s)
            )
        return charts


async def _try(work: Awaitable[T]) -> T | str:
    try:
        async with asyncio.timeout(READ_MAX_S):
            return await work
    except FAILURES as error:
        return to_reason(error)
