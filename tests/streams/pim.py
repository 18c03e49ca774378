"""The fetch stage against a simulated PIM in the same process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from pim.client import PimClient
from pim.kinds import Kind
from pim.retries import RetryPolicy
from pim.urls import is_hard_on_paths
from runtime.errors import KafkaUnavailable
from simulator.app import TOKEN, create_app
from simulator.behaviour import Behaviour
from simulator.simulation import Simulation
from streams.asking import Asker
from streams.delete_brake import DeleteBrake
from streams.fetch_stage import Fetcher
from streams.log_reader import Read
from streams.quota import Quota, Window
from streams.quota_gate import QuotaGate
from streams.settling import Settler
from tests.streams.examples import Inbox, to_due_record
from tests.virtual_time import VirtualClock, run_virtually, until
from topics.dead_letters import DeadLetters
from topics.due import DueRecord
from topics.memory import MemoryPublisher
from topics.names import TopicNames
from topics.snapshots import Snapshot

TOPICS = TopicNames("t")
EPOCH = 4
HOLD_S = 2.0
QUOTA = 10_000


@dataclass
class Ends:
    """End offsets that a test sets; *failure* is raised while set."""

    ends: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(12), 100))
    failure: KafkaUnavailable | None = None

    async def read(self) -> Mapping[int, int]:
        """Return them as of now."""
        if self.failure is not None:
            raise self.failure
        return dict(self.ends)


@dataclass
class Control:
    """What lies in `control`; *failure* is raised while set."""

    publisher: MemoryPublisher
    clock: VirtualClock
    failure: KafkaUnavailable | None = None

    async def read(self) -> list[Read]:
        """Return its records."""
        if self.failure is not None:
            raise self.failure
        return [
            Read(offset, self.clock(), record.key, record.value)
            for offset, record in enumerate(self.publisher.of(TOPICS.control))
        ]


@dataclass
class PickyPublisher(MemoryPublisher):
    """Refuses what goes to some topics."""

    refused: dict[str, Exception] = field(default_factory=dict)

    async def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> int:
        """Append, or raise what is set for *topic*."""
        if (refusal := self.refused.get(topic)) is not None:
            raise refusal
        return await super().append(
            topic, key=key, value=value, headers=headers, partition=partition
        )


@dataclass
class Bench:
    """A fetch stage that runs, and everything around it."""

    stage: Fetcher
    gate: QuotaGate
    client: PimClient
    settler: Settler
    simulation: Simulation
    publisher: PickyPublisher
    quota: Quota
    ends: Ends
    control: Control
    clock: VirtualClock
    inbox: Inbox = field(default_factory=lambda: Inbox("t.due"))

    async def take(self, code: str, **fields: Any) -> None:
        """Take a due record."""
        record = to_due_record(code, **fields)
        await self.stage.take(self.inbox.receive(record.to_json(), appended_s=self.clock()))

    async def take_record(self, record: DueRecord) -> None:
        """Take a due record as it is."""
        await self.stage.take(self.inbox.receive(record.to_json(), appended_s=self.clock()))

    async def until(self, condition: Callable[[], object], *, advance_s: float = 0.0) -> None:
        """Wait for *condition*; the clock goes on by *advance_s* per look."""
        await until(condition, every_s=advance_s or 0.001)

    @property
    def acknowledged(self) -> list[int]:
        """Offsets of due records, in the order of their acknowledgement."""
        return self.inbox.acknowledged

    @property
    def snapshots(self) -> list[Snapshot]:
        """What was appended."""
        return [Snapshot.parse(r.value or b"") for r in self.publisher.of(TOPICS.snapshots)]

    @property
    def requests(self) -> int:
        """How many requests reached the PIM."""
        return self.simulation.ledger.total

    def use_quota(self, ratio: float) -> None:
        """Let that part of the window be used."""
        self.quota.hold(self.clock(), int(QUOTA * ratio))

    def codes(self, count: int, kind: Kind = Kind.DOCUMENT) -> list[str]:
        """Return codes of resources that are there, and that any address can hold."""
        found = self.simulation.instance.catalog.codes(kind)
        return [code for code in found if not is_hard_on_paths(code)][:count]


@asynccontextmanager
async def open_bench(
    *,
    behaviour: Behaviour | None = None,
    token: str = TOKEN,
    batch_max: int = 50,
    keys_max: int = 1_000,
    documents: int = 30,
) -> AsyncIterator[Bench]:
    """Run a fetch stage, in a virtual loop."""
    clock, publisher, ends = VirtualClock(), PickyPublisher(), Ends()
    control = Control(publisher, clock)
    quota = Quota((Window(limit=QUOTA, span_s=600),))
    app = create_app(documents=documents, clock=clock, behaviour=behaviour or Behaviour())

    async def read_quota(start: int) -> list[Read]:
        return [
            Read(offset, clock(), record.key, record.value)
            for offset, record in enumerate(publisher.of(TOPICS.quota))
        ][start:]

    async def count_live() -> int:
        return 30

    gate = QuotaGate(
        quota,
        publisher=publisher,
        topic=TOPICS.quota,
        read=read_quota,
        deadline_s=30,
        clock=clock,
    )
    client = PimClient(
        "http://pim",
        token,
        transport=httpx.ASGITransport(app),
        batch_max=batch_max,
        retries=RetryPolicy(tries_max=1),
        clock=clock,
        wall_clock=clock,
    )
    asker = Asker(client, gate, batch_max=batch_max, clock=clock)
    settler = Settler(
        publisher=publisher,
        dead_letters=DeadLetters(publisher, TOPICS.dead_letters, "fetch", clock),
        topics=TOPICS,
        epoch=EPOCH,
        asker=asker,
        brake=DeleteBrake(
            publisher=publisher,
            topic=TOPICS.control,
            read_control=control.read,
            count_live=count_live,
            limit_given=2,
            clock=clock,
        ),
        clock=clock,
    )
    stage = Fetcher(
        asker=asker,
        settler=settler,
        gate=gate,
        ends=ends,
        hold_s=HOLD_S,
        clock=clock,
        jitter=lambda: 0.0,
        keys_max=keys_max,
    )
    gate.claim()
    running = asyncio.create_task(stage.run())
    simulation: Simulation = app.state.simulation
    try:
        yield Bench(
            stage, gate, client, settler, simulation, publisher, quota, ends, control, clock
        )
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await client.aclose()
        await simulation.aclose()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario."""
    run_virtually(scenario)


async def fetch(bench: Bench, *codes: str, **fields: Any) -> None:
    """Take due records and wait until all of them are acknowledged."""
    before = len(bench.acknowledged)
    for offset, code in enumerate(codes):
        await bench.take(code, offset=offset, **fields)
    await bench.until(lambda: len(bench.acknowledged) == before + len(codes), advance_s=0.05)
