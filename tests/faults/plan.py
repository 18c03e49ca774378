"""
What a run of the fault campaign does, and when. Without I/O: the same seed, the same plan.

Times count from the start of the run. Documents are numbers: below the size of the catalog those
of the catalog by code, above it those that the plan creates.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

SHUFFLE_S: Final = 0.6
DUPLICATE_SHARE: Final = 0.15
LOCALES: Final = 3
_HOT_SHARE: Final = 0.3
"""Of the edits meet the same few documents, so that a document has several versions under way."""
_HOT: Final = 3


class Verb(StrEnum):
    """What a person does to a document."""

    EDIT = "edit"
    CREATE = "create"
    DELETE = "delete"
    RECREATE = "recreate"


class Blow(StrEnum):
    """What happens to a process, or to a server."""

    KILL = "kill"
    PAUSE = "pause"  # SIGSTOP, SIGCONT after *seconds*
    JOIN = "join"
    LEAVE = "leave"  # SIGTERM
    KAFKA = "kafka"  # stopped for *seconds*
    ELASTICSEARCH = "elasticsearch"  # the same
    INGRESS = "ingress"  # killed
    PIM = "pim"  # unwell for *seconds*


ROUND_S: Final = 45.0
"""Of a minute of the long campaign; the rest is for convergence."""
BLOW_S: Final = {Blow.PAUSE: 10.0, Blow.KAFKA: 20.0, Blow.ELASTICSEARCH: 20.0, Blow.PIM: 8.0}
TOGETHER: Final = 3
"""So many blows fall at the same moment in the long campaign."""
_CHOICES: Final = 12  # divides by as many as can be chosen from


@dataclass(frozen=True, slots=True)
class Change:
    """A change in the PIM."""

    at_s: float
    verb: Verb
    document: int
    locale: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A blow; *choice* is the rank of its worker among those that run, or of what the PIM does."""

    at_s: float
    blow: Blow
    choice: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    seed: str
    documents: int
    changes: tuple[Change, ...]
    faults: tuple[Fault, ...]

    @property
    def seconds(self) -> float:
        """How long it takes, the convergence after it not counted."""
        ends = [each.at_s for each in self.changes]
        return max(ends + [each.at_s + each.seconds for each in self.faults], default=0.0)

    def count(self, blow: Blow) -> int:
        """Return how many of these blows there are."""
        return sum(fault.blow is blow for fault in self.faults)


def to_changes(
    random: Random, *, seconds: float, documents: int, per_second: float
) -> tuple[Change, ...]:
    """Return changes that can all be made: nothing is edited that does not exist then."""
    live, known = list(range(documents)), documents
    gone: list[int] = []
    changes = []
    for number in range(int(seconds * per_second)):
        at_s, locale = round(number / per_second, 3), random.randrange(LOCALES)
        drawn = random.random()
        if drawn < 0.06 and len(live) > documents // 2:  # shares of the changes
            document = live.pop(random.randrange(len(live)))
            gone.append(document)
            verb = Verb.DELETE
        elif drawn < 0.12 and gone:  # as above
            document = gone.pop(random.randrange(len(gone)))
            live.append(document)
            verb = Verb.RECREATE
        elif drawn < 0.16:  # as above
            document, known = known, known + 1
            live.append(document)
            verb = Verb.CREATE
        else:
            among = live[:_HOT] if random.random() < _HOT_SHARE else live
            document, verb = random.choice(among), Verb.EDIT
        changes.append(Change(at_s, verb, document, locale))
    return tuple(changes)


def to_plan(
    seed: str,
    *,
    seconds: float,
    documents: int,
    blows: Mapping[Blow, int],
    blow_s: Mapping[Blow, float] | None = None,
    per_second: float = 12.0,
    together: int = 1,
) -> Plan:
    """
    Return a run of *seconds* with so many *blows* of each kind, spread evenly, in random order.

    *blow_s* is how long each lasts; so many as *together* says fall at the same moment.
    """
    random = Random(seed)  # noqa: S311  # a plan, not a secret
    kinds = [blow for blow, count in sorted(blows.items()) for _ in range(count)]
    random.shuffle(kinds)
    moments = math.ceil(len(kinds) / together)
    step_s = seconds / max(1, moments)
    starts_s = [
        round(number * step_s + random.uniform(0.1, 0.6) * step_s, 3) for number in range(moments)
    ]
    faults = tuple(
        Fault(
            starts_s[number // together],
            blow,
            random.randrange(_CHOICES),
            (blow_s or {}).get(blow, 0.0),
        )
        for number, blow in enumerate(kinds)
    )
    changes = to_changes(random, seconds=seconds, documents=documents, per_second=per_second)
    return Plan(seed, documents, changes, faults)


def to_campaign(seed: str, *, minutes: int, documents: int) -> tuple[Plan, ...]:
    """Return one run for each minute, with every kind of blow, three at a time."""
    return tuple(
        to_plan(
            f"{seed}/{number}",
            seconds=ROUND_S,
            documents=documents,
            blows={
                Blow.KILL: 5,
                Blow.JOIN: 2,
                Blow.LEAVE: 2,
                Blow.PAUSE: 1,
                Blow.INGRESS: 1,
                Blow.PIM: 2,
                (Blow.KAFKA if number % 2 else Blow.ELASTICSEARCH): 1,
            },
            blow_s=BLOW_S,
            together=TOGETHER,
        )
        for number in range(minutes)
    )


@dataclass(frozen=True, slots=True)
class PointRound:
    """A worker dies the *nth* time that it reaches *point*, while *changes* happen."""

    point: str
    nth: int
    plan: Plan


def to_point_rounds(
    seed: str, points: tuple[str, ...], *, times: int, seconds: float, documents: int
) -> tuple[PointRound, ...]:
    """Return *times* rounds for each point, in random order."""
    random = Random(seed)  # noqa: S311  # a plan, not a secret
    chosen = [point for point in points for _ in range(times)]
    random.shuffle(chosen)
    return tuple(
        PointRound(
            point,
            random.randint(1, 4),
            to_plan(f"{seed}/{number}", seconds=seconds, documents=documents, blows={}),
        )
        for number, point in enumerate(chosen)
    )
