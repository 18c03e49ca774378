"""What happens in one simulated run, drawn from its seed. Without I/O: the same seed, the same plan."""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final

HOUR_S: Final = 3_600.0
DOCUMENTS: Final = 10
EPISODES_PER_HOUR: Final = 2
CHANGES: Final = (4, 12)
BLOWS: Final = (1, 3)
SHUFFLE_S: Final = 1.5
REPEATED_SHARE: Final = 0.15
REPEATED_AFTER_S: Final = 300.0
"""Quable tries again after five minutes."""
_BULK_SHARE: Final = 0.1
_LONG_PAUSE_S: Final = 100.0
_BULK_NOTIFICATIONS: Final = 3


class Verb(StrEnum):
    """What happens to a document in the PIM."""

    EDIT = "edit"
    DELETE = "delete"


class Blow(StrEnum):
    """What happens to everything else."""

    KILL = "kill"
    PAUSE = "pause"
    LEAVE = "leave"
    JOIN = "join"
    KAFKA = "kafka"
    CLUSTER = "cluster"
    CLUSTER_BUSY = "cluster busy"
    PIM_503 = "pim 503"
    PIM_SILENT = "pim silent"
    PIM_SLOW = "pim slow"
    PIM_DENIES_ALL = "pim denies all"
    PIM_DENIES_ONE = "pim denies one"
    PIM_LAGS = "pim lags"
    CLOCK = "clock"
    COMPACTION = "compaction"
    PARTITIONS = "partitions"


SECONDS: Final[dict[Blow, tuple[float, float]]] = {
    Blow.PAUSE: (5.0, 240.0),
    Blow.KAFKA: (5.0, 60.0),
    Blow.CLUSTER: (5.0, 120.0),
    Blow.CLUSTER_BUSY: (5.0, 60.0),
    Blow.PIM_503: (5.0, 180.0),
    Blow.PIM_SILENT: (5.0, 120.0),
    Blow.PIM_SLOW: (10.0, 120.0),
    Blow.PIM_DENIES_ALL: (5.0, 150.0),
    Blow.PIM_DENIES_ONE: (5.0, 20.0),
    Blow.PIM_LAGS: (5.0, 60.0),
    Blow.CLOCK: (-60.0, 300.0),
}
"""How long each lasts, at least and at most; of the clock: how far it jumps."""

_WEIGHTS: Final[dict[Blow, int]] = {
    blow: {Blow.KILL: 6, Blow.PAUSE: 4, Blow.JOIN: 2, Blow.LEAVE: 2, Blow.PIM_LAGS: 3}.get(blow, 1)
    for blow in Blow
}


@dataclass(frozen=True, slots=True)
class Change:
    """A change in the PIM, and after how many seconds each of its webhook calls arrives."""

    at_s: float
    document: int
    locale: int | None  # None: it is deleted
    calls: tuple[float, ...]
    process: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A blow; *rank* chooses a worker or a document."""

    at_s: float
    blow: Blow
    seconds: float = 0.0
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One run; times count from its start."""

    seed: int
    hours: float
    changes: tuple[Change, ...]
    faults: tuple[Fault, ...]
    finishes: dict[str, float] = field(default_factory=dict)  # when each process ends
    skews_s: tuple[float, ...] = ()


def to_plan(seed: int, *, hours: float) -> Plan:
    """Draw a run: episodes of changes and blows, and quiet between them."""
    random = Random(seed)  # noqa: S311  # a plan, not a secret
    changes = [Change(5.0 + number, number, 0, (0.1,)) for number in range(DOCUMENTS)]
    faults: list[Fault] = []
    finishes: dict[str, float] = {}
    episodes = max(1, round(hours * EPISODES_PER_HOUR))
    slot_s = hours * HOUR_S / episodes
    for number in range(episodes):
        begin_s = number * slot_s + random.uniform(60.0, max(61.0, slot_s - 600.0))
        span_s = random.uniform(5.0, 90.0)
        count = random.randint(*CHANGES)
        changes += [_to_change(random, begin_s + random.uniform(0, span_s)) for _ in range(count)]
        if random.random() < _BULK_SHARE:
            name = f"bulk-{number}"
            changes += _to_bulk(random, name, begin_s)
            finishes[name] = begin_s + random.uniform(1.0, 20.0)
        count = random.randint(*BLOWS)
        blows = dict.fromkeys(random.choices(list(Blow), list(_WEIGHTS.values()), k=count))
        struck = [_to_fault(random, blow, begin_s, span_s) for blow in blows]
        for fault in struck:
            if fault.blow is Blow.PAUSE and fault.seconds > _LONG_PAUSE_S:
                changes += _to_storm(random, fault.at_s)
        faults += struck
    return Plan(
        seed,
        hours,
        tuple(sorted(changes, key=lambda change: change.at_s)),
        tuple(sorted(faults, key=lambda fault: fault.at_s)),
        finishes,
        tuple(random.uniform(-2.0, 2.0) for _ in range(8)),
    )


def _to_change(random: Random, at_s: float) -> Change:
    document = random.randrange(3 if random.random() < 0.4 else DOCUMENTS)  # some are hot
    locale = None if random.random() < 0.15 else random.randrange(2)
    calls = [random.uniform(0.05, SHUFFLE_S)]
    if random.random() < REPEATED_SHARE:
        calls.append(random.uniform(0.05, REPEATED_AFTER_S))
    return Change(at_s, document, locale, tuple(calls))


def _to_storm(random: Random, pause_s: float) -> list[Change]:
    """Edit some documents as a worker pauses, with answers under way, and delete them meanwhile."""
    documents = random.sample(range(DOCUMENTS), 4)
    edits = [
        Change(pause_s + random.uniform(-1.0, 1.0), document, 0, (random.uniform(0.05, 0.2),))
        for document in documents
    ]
    deletes = [
        Change(pause_s + random.uniform(5.0, 40.0), document, None, (0.1,))
        for document in documents[:2]
    ]
    return [*edits, *deletes]


def _to_bulk(random: Random, name: str, begin_s: float) -> list[Change]:
    return [
        Change(
            begin_s + random.uniform(0.0, 1.0),
            number,
            0,
            tuple(random.uniform(0.05, SHUFFLE_S) for _ in range(_BULK_NOTIFICATIONS)),
            name,
        )
        for number in range(DOCUMENTS)
    ]


def _to_fault(random: Random, blow: Blow, begin_s: float, span_s: float) -> Fault:
    seconds = random.uniform(*SECONDS.get(blow, (0.0, 0.0)))
    return Fault(begin_s + random.uniform(-5.0, span_s + 10.0), blow, seconds, random.randrange(60))
