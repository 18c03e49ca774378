"""The real stages, wired as `ops/parts.py` does, over ports in memory."""

import asyncio
import random
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from elasticsearch import AsyncElasticsearch

from pim.client import PimClient
from pim.kinds import Kind
from runtime.clock import Clock
from runtime.errors import KafkaUnavailable
from runtime.settings import Settings
from sinks.batches import BatchFormer
from sinks.elasticsearch import ElasticsearchSink
from sinks.healing import CHECK_EVERY_S, Healer
from sinks.indexer import Indexer
from sinks.reading import count_live
from sinks.tombstones import read_version
from streams.asking import Asker
from streams.debounce import DebounceBuffer, Timing
from streams.debounce_stage import Debouncer
from streams.delete_brake import DeleteBrake
from streams.fetch_stage import Fetcher
from streams.quota import Quota, Window
from streams.quota_gate import QuotaGate
from streams.settling import Settler
from tests.simulated.cluster import Cluster
from tests.simulated.group import Group
from tests.simulated.log import Log, LogEnds, LogPublisher, LogReader
from tests.simulated.network import Line
from tests.simulated.pim import LOCALES, Pim, PimTransport
from topics.control import EpochRecord
from topics.dead_letters import DeadLetters
from topics.names import TopicNames
from topics.records import Received

TOPICS: Final = TopicNames("quindex")
ALIASES: Final = tuple(f"quindex-{locale.lower()}" for locale in LOCALES)
LIMITS: Final = ((15, 30.0), (400, 3_600.0))
"""Requests, and in how many seconds: what the PIM allows, all of it ours."""
SETTINGS: Final = Settings(locales=LOCALES)

_TIMEOUT_S: Final = 20.0
_PACK_MAX: Final = 10
_KEYS_MAX: Final = 1_000
_TIMING: Final = Timing(SETTINGS.lead_s, SETTINGS.quiet_s, SETTINGS.delay_max_s)


class SparseHealer(Healer):
    """Looks only while something is late: a day has no 432,000 looks then."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._late_came = asyncio.Event()

    async def settle(self, received: Received, key: str) -> None:
        """Wake the loop."""
        await super().settle(received, key)
        self._late_came.set()

    async def run(self) -> None:
        """Heal, until cancelled."""
        while True:
            await self._late_came.wait()
            self._late_came.clear()
            while len(self._late):
                await asyncio.sleep(CHECK_EVERY_S)
                await self.heal()


@dataclass
class Surface:
    """What all workers share."""

    log: Log
    group: Group
    cluster: Cluster
    pim: Pim
    random: random.Random
    epochs: dict[int, int]  # how many partitions each stands for


@dataclass
class Assembly:
    """The stages of one worker; *wall* is the time of its machine."""

    shared: Surface
    line: Line
    client: AsyncElasticsearch
    epoch: EpochRecord
    wall: Clock

    def __post_init__(self) -> None:
        log, clock = self.shared.log, self.shared.log.clock
        self.publisher = LogPublisher(log, self.line, self.shared.random)
        self.gate = QuotaGate(
            Quota(tuple(Window(limit=limit, span_s=span_s) for limit, span_s in LIMITS)),
            publisher=self.publisher,
            topic=TOPICS.quota,
            read=LogReader(log, TOPICS.quota, self.line).read,
            deadline_s=_TIMEOUT_S,
            clock=clock,
        )
        self.buffer: DebounceBuffer[Received] = DebounceBuffer(
            _TIMING, keys_max=_KEYS_MAX, clock=self.wall
        )
        self.debounce = Debouncer(
            buffer=self.buffer,
            publisher=self.publisher,
            dead_letters=self._dead_letters("debounce"),
            topics=TOPICS,
            kinds=[Kind.DOCUMENT],
            clock=self.wall,
            partitions=self.epoch.partitions,
        )
        self.fetch = self._to_fetcher()
        self.index = self._to_indexer(clock)

    def _to_indexer(self, clock: Clock) -> Indexer:
        return Indexer(
            sink=ElasticsearchSink(self.client),
            dead_letters=self._dead_letters("index"),
            index_prefix=SETTINGS.index_prefix,
            chains={each: SETTINGS.fallback_chain(each) for each in LOCALES},
            types={},
            former=BatchFormer(clock=clock),
            clock=clock,
            wall=self.wall,
            healer=SparseHealer(
                ends=LogEnds(self.shared.log, TOPICS.snapshots, self.line),
                stored_version=partial(read_version, self.client, ALIASES[0]),
                publisher=self.publisher,
                topics=TOPICS,
                wall=self.wall,
            ),
        )

    def _to_fetcher(self) -> Fetcher:
        log, line, clock = self.shared.log, self.line, self.shared.log.clock
        pim = PimClient(
            "http://pim",
            "token",
            transport=PimTransport(self.shared.pim, line),
            timeout_s=_TIMEOUT_S,
            clock=clock,
            wall_clock=self.wall,
        )
        asker = Asker(pim, self.gate, batch_max=_PACK_MAX, clock=clock)
        settler = Settler(
            publisher=self.publisher,
            dead_letters=self._dead_letters("fetch"),
            topics=TOPICS,
            epoch=self.epoch.epoch,
            asker=asker,
            brake=DeleteBrake(
                publisher=self.publisher,
                topic=TOPICS.control,
                read_control=LogReader(log, TOPICS.control, line, KafkaUnavailable("away")).read,
                count_live=partial(count_live, self.client, ALIASES[0]),
                limit_given=None,
                clock=self.wall,
            ),
            clock=self.wall,
        )
        return Fetcher(
            asker=asker,
            settler=settler,
            gate=self.gate,
            ends=LogEnds(log, TOPICS.notifications, line),
            hold_s=SETTINGS.quiet_s,
            clock=self.wall,
        )

    def _dead_letters(self, stage: str) -> DeadLetters:
        return DeadLetters(self.publisher, TOPICS.dead_letters, stage, self.wall)
