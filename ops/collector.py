"""
Collects the truth from Kafka and Elasticsearch alone, each fact by itself and within its time.

What cannot be learned is left unknown, with the reason: half a picture is better than none.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaError as AiokafkaError
from elasticsearch import ApiError, AsyncElasticsearch, ConnectionTimeout, TransportError
from kafka.errors import KafkaError

from ops.facts import (
    Facts,
    LetterFacts,
    Part,
    PartitionFacts,
    PauseFacts,
    ScanFacts,
    StageFacts,
    StopFacts,
)
from ops.freshness import read_freshness, to_measured_since
from ops.group import GroupFacts, read_group
from ops.letter import LetterState
from ops.letters import NEWEST_MAX, LetterLog, read_letters
from ops.quota_facts import read_quota
from ops.ranges import open_ranges
from ops.scanning import ScanLog
from ops.seen import Place, Seen
from ops.verdict import STALE_PROCESS_S
from ops.whole_logs import read_whole
from runtime.errors import MalformedRecord, QuindexError
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from sinks.elasticsearch import connect
from sinks.epochs import read_epoch
from sinks.fields import to_alias
from topics.control import fold_deletes, fold_stops
from topics.due import DueRecord
from topics.names import TopicNames
from topics.notifications import HEADER_SOURCE, Source
from topics.pauses import Pauses
from topics.processes import parse_process
from topics.scans import is_scan
from topics.silence import fold_silence
from topics.snapshots import Snapshot

FACT_MAX_S: Final = 4.0
"""How long any single fact may take; two steps of these stay below 6 s, mostly far below."""
WEBHOOK_TAIL: Final = 200
"""Newest notifications of each partition among which the last call of Quable's is looked for."""
_HOUR_S: Final = 3_600.0

FAILURES: Final = (
    AiokafkaError,
    KafkaError,
    ApiError,
    TransportError,
    QuindexError,
    TimeoutError,
    OSError,
)

T = TypeVar("T")


@dataclass
class Collector:
    """Collects as often as it is asked; *fact_max_s* bounds each fact."""

    settings: Settings
    clock: Callable[[], float] = time.time
    fact_max_s: float = FACT_MAX_S
    scans: ScanLog | None = None  # to share one; by default it has its own
    _unknown: dict[str, str] = field(default_factory=dict)
    _down: dict[Part, str] = field(default_factory=dict)

    async def collect(self) -> Facts:
        """Return what is known now."""
        self._unknown, self._down = {}, {}
        facts = Facts(now_s=self.clock(), version=version("quindex"))
        client = connect(self.settings, request_timeout_s=self.fact_max_s)
        try:
            kafka, index = await asyncio.gather(self._read_kafka(), self._read_index(client))
            letters = None
            if Part.KAFKA not in self._down and not kafka.get("missing_topics"):
                may_ask = client if Part.ELASTICSEARCH not in self._down else None
                letters = await self._try(
                    "dead letters",
                    read_letters(self.settings, may_ask, newest_max=NEWEST_MAX, within_s=2.0),
                )
        finally:
            await client.close()
        if letters is not None:
            kafka["letters"] = to_letter_facts(letters, facts.now_s)
        down = {part: self._down[part] for part in Part if part in self._down}
        return replace(facts, down=down, unknown=dict(self._unknown), **kafka, **index)

    # --- Kafka ---

    async def _read_kafka(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self.fact_max_s):
                group = await asyncio.to_thread(read_group, self.settings, self.fact_max_s)
        except FAILURES as error:
            self._down[Part.KAFKA] = to_reason(error)
            return {}
        found: dict[str, Any] = {
            "missing_topics": group.missing,
            "workers": group.workers,
            "group_state": group.state,
        }
        if group.missing:
            return found
        names = ("stages", "webhook", "control", "quota", "scans", "processes")
        values = await asyncio.gather(
            self._try("stages", self._read_stages(group)),
            self._try("webhook", self._read_webhook(group)),
            self._try("control", self._read_control()),
            self._try("quota", read_quota(self.settings)),
            self._try("scans", self._read_scans()),
            self._try("processes", self._read_processes()),
        )
        found |= {
            name: value for name, value in zip(names, values, strict=True) if value is not None
        }
        if (webhook_s := found.pop("webhook", 0.0)) > 0.0:
            found["webhook_s"] = webhook_s
        control: dict[str, Any] = found.pop("control", {})
        return found | control

    async def _read_stages(self, group: GroupFacts) -> list[StageFacts]:
        """Look at the record at the head of each queue: when it was appended, what it waits since."""
        heads: dict[Place, Seen] = {}
        behind = {place: at for place, at in group.positions.items() if at.lag}
        if behind:
            async with self._reader() as reader:
                seen, _ = await reader.read(
                    {place: (at.next, at.end) for place, at in behind.items()},
                    within_s=self.fact_max_s / 2,
                    is_enough=lambda _: True,
                )
                heads = {(each.topic, each.partition): each for each in seen}
        topics = TopicNames(self.settings.topic_prefix)
        stages = []
        for stage, topic in (
            ("debounce", topics.notifications),
            ("fetch", topics.due),
            ("index", topics.snapshots),
        ):
            partitions = [
                PartitionFacts(
                    number,
                    end=at.end,
                    committed=at.committed,
                    lag=at.lag,
                    oldest_s=head.appended_s if head else None,
                    since_s=to_since_s(stage, head) if head else None,
                )
                for (name, number), at in sorted(group.positions.items())
                if name == topic
                for head in [heads.get((name, number))]
            ]
            stages.append(StageFacts(stage, partitions))
        return stages

    async def _read_webhook(self, group: GroupFacts) -> float:
        topic = TopicNames(self.settings.topic_prefix).notifications
        ranges = {
            place: (max(at.first, at.end - WEBHOOK_TAIL), at.end)
            for place, at in group.positions.items()
            if place[0] == topic
        }
        async with self._reader() as reader:
            seen, _ = await reader.read(
                ranges, within_s=self.fact_max_s / 2, keep=lambda each: is_call(each.headers)
            )
        return max((each.appended_s for each in seen), default=0.0)

    async def _read_control(self) -> dict[str, Any]:
        topic = TopicNames(self.settings.topic_prefix).control
        records = await read_whole(self.settings, topic)
        pairs = [(each.key, each.value) for each in records]
        pauses = Pauses()
        for key, value in pairs:
            pauses.apply(key, value)
        return {
            "parked": len(fold_deletes(pairs)[1]),
            "silence": fold_silence(pairs),
            "pauses": [
                PauseFacts(each.stage, each.at_s, each.reason) for each in pauses.now.values()
            ],
            "stops": [
                StopFacts(stop.stage, stop.at_s, stop.died, stop.taken, stop.reason)
                for stop in fold_stops(pairs).values()
            ],
        }

    async def _read_scans(self) -> list[ScanFacts]:
        self.scans = self.scans or ScanLog(self.settings)
        return [
            ScanFacts(
                id=scan.id,
                purpose=scan.purpose.value,
                kind=scan.kind.value,
                phase=scan.phase.value,
                resources=scan.resources,
                total=scan.total,
                requests=scan.requests,
                drift=scan.drift,
                began_s=scan.began_s,
                updated_s=scan.updated_s,
                is_over=scan.is_over,
            )
            for scan in await self.scans.read()
        ]

    async def _read_processes(self) -> list[Mapping[str, Any]]:
        """Return the newest word of each process that has told of itself just now."""
        topic = TopicNames(self.settings.topic_prefix).processes
        async with self._reader() as reader:
            bounds = await reader.bounds([(topic, 0)])
            recent = await reader.offsets_since([(topic, 0)], self.clock() - STALE_PROCESS_S)
            seen, _ = await reader.read(
                {place: (recent.get(place, end), end) for place, (_, end) in bounds.items()},
                within_s=self.fact_max_s / 2,
            )
        newest: dict[str, Mapping[str, Any]] = {}
        for each in seen:
            with suppress(MalformedRecord):
                process = parse_process(each.value)
                newest[process["id"]] = process
        return [newest[name] for name in sorted(newest)]

    def _reader(self) -> Any:
        return open_ranges(to_aiokafka_options(self.settings), time.monotonic)

    # --- Elasticsearch ---

    async def _read_index(self, client: AsyncElasticsearch) -> dict[str, Any]:
        try:
            info = await client.info()
        except FAILURES as error:
            self._down[Part.ELASTICSEARCH] = to_reason(error)
            return {}
        found: dict[str, Any] = {"server_version": str(info["version"]["number"])}
        missing = await self._try("indices", self._find_missing(client))
        found["missing_indices"] = missing or ()
        epoch, freshness = await asyncio.gather(
            self._try("epoch", read_epoch(client, self.settings.index_prefix)),
            self._try("freshness", self._read_freshness(client, missing or ())),
        )
        found["epoch"] = None if epoch is None else epoch.epoch
        found["freshness"] = freshness
        return found

    async def _find_missing(self, client: AsyncElasticsearch) -> list[str]:
        aliases = [to_alias(self.settings.index_prefix, each) for each in self.settings.locales]
        there = await asyncio.gather(*(client.indices.exists_alias(name=each) for each in aliases))
        return [alias for alias, is_there in zip(aliases, there, strict=True) if not is_there]

    async def _read_freshness(self, client: AsyncElasticsearch, missing: Sequence[str]) -> Any:
        prefix = self.settings.index_prefix
        there = [each for each in self.settings.locales if to_alias(prefix, each) not in missing]
        since_s = await to_measured_since(client, prefix, self.clock() - _HOUR_S)
        return await read_freshness(client, prefix, there, since_s=since_s)

    async def _try(self, name: str, work: Awaitable[T]) -> T | None:
        try:
            async with asyncio.timeout(self.fact_max_s):
                return await work
        except FAILURES as error:
            self._unknown[name] = to_reason(error)
            return None


def to_reason(error: BaseException) -> str:
    """Return what went wrong in one short line."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionTimeout):
        return "no answer in time"
    said = str(getattr(error, "message", None) or error)
    # aiohttp speaks of TLS also where there is none.
    return said.replace(" ssl:default", "").partition("\n")[0][:200] or type(error).__name__


def to_since_s(stage: str, head: Seen) -> float | None:
    """Return when the change that a waiting record is about was first announced."""
    try:
        if stage == "fetch" and not is_scan(head.key):
            return DueRecord.parse(head.value or b"").notified_s
        if stage == "index":
            return Snapshot.parse(head.value or b"").notified_s
    except MalformedRecord:
        pass
    return head.appended_s


def is_call(headers: Any) -> bool:
    """Whether a notification came by webhook."""
    return bool((headers.get(HEADER_SOURCE) or b"") == Source.WEBHOOK.value.encode())


def to_letter_facts(log: LetterLog, now_s: float) -> LetterFacts:
    """Return what counts of the dead letters."""
    left = [each for each in log.letters if each.state is LetterState.OPEN]
    by_reason: dict[str, int] = {}
    for each in left:
        name = f"{each.stage}/{each.reason}"
        by_reason[name] = by_reason.get(name, 0) + 1
    return LetterFacts(
        total=log.total,
        open=len(left),
        is_partial=log.is_partial,
        newest_s=log.letters[0].at_s if log.letters else None,
        last_hour=sum(each.at_s > now_s - _HOUR_S for each in left),
        by_reason=by_reason,
    )
