"""Records of `control`: the epoch, kept here and in Elasticsearch, since either may be lost."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

import orjson

from runtime.errors import MalformedRecord

SCHEMA: Final = 1
_EPOCH_PREFIX: Final = b"epoch/"


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """An epoch, and the incarnation of `notifications` that it stands for."""

    epoch: int
    topic_id: str
    partitions: int
    raised_s: float
    reason: str

    @property
    def key(self) -> bytes:
        """epoch/<n>: every epoch keeps its record."""
        return _EPOCH_PREFIX + str(self.epoch).encode()

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "epoch": self.epoch,
                "topic_id": self.topic_id,
                "partitions": self.partitions,
                "raised_at": self.raised_s,
                "reason": self.reason,
            }
        )

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """
        Read a record's value.

        Raises:
            MalformedRecord: not JSON, or of a schema that this version cannot read.
        """
        try:
            raw = orjson.loads(value)
            if raw["schema"] != SCHEMA:
                raise MalformedRecord(f"an epoch of schema {raw['schema']!r}; known is {SCHEMA}")
            return cls(
                epoch=int(raw["epoch"]),
                topic_id=str(raw["topic_id"]),
                partitions=int(raw["partitions"]),
                raised_s=float(raw["raised_at"]),
                reason=str(raw["reason"]),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise MalformedRecord(f"not an epoch: {error}") from error

    def stands_for(self, topic_id: str, partitions: int) -> bool:
        """Whether offsets and keys lie where they lay when this epoch began."""
        return (self.topic_id, self.partitions) == (topic_id, partitions)


def is_epoch(key: bytes | None) -> bool:
    """Whether a record of `control` is an epoch."""
    return key is not None and key.startswith(_EPOCH_PREFIX)


UNANNOUNCED: Final = b"unannounced/"
"""Before kind:code: a delete that no notification announced, and that went through."""
BRAKED: Final = b"braked/"
"""Before kind:code: one that was parked, since too many went through within the hour."""


def to_delete_key(prefix: bytes, key: str) -> bytes:
    """Return the key of the record about an unannounced delete; a null value ends it."""
    return prefix + key.encode("utf-8", "surrogatepass")


def to_delete_value(at_s: float) -> bytes:
    """Return the value: when the PIM was found not to have the resource."""
    return orjson.dumps({"schema": SCHEMA, "at": at_s})


def fold_deletes(
    records: Iterable[tuple[bytes | None, bytes | None]],
) -> tuple[dict[str, float], dict[str, float]]:
    """
    Return the unannounced deletes that went through, and those that are parked.

    Takes all records of `control`, oldest first; gives kind:code and the moment, unix seconds. A
    value that cannot be read counts for nothing: it must not stop every other delete.
    """
    held: dict[bytes, dict[str, float]] = {UNANNOUNCED: {}, BRAKED: {}}
    for key, value in records:
        for prefix, deletes in held.items():
            if key is not None and key.startswith(prefix):
                name = key.removeprefix(prefix).decode("utf-8", "replace")
                deletes.pop(name, None)
                with suppress(orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                    deletes[name] = float(orjson.loads(value or b"")["at"])
    return held[UNANNOUNCED], held[BRAKED]


LETTER: Final = b"letter/"
"""Before <partition>/<offset> of a dead letter: what a person decided about it."""
BREAKER: Final = b"breaker/"
"""Before the name of a stage: it has stopped, since too many of its records died."""


def to_letter_key(partition: int, offset: int) -> bytes:
    """Return the key of the record about a dead letter; a null value forgets it."""
    return LETTER + f"{partition}/{offset}".encode()


@dataclass(frozen=True, slots=True)
class LetterDecision:
    """What a person decided about a dead letter; times are unix seconds."""

    state: str
    at_s: float
    letter_at_s: float | None  # when the letter was set aside; None: kept by an earlier version


def to_letter_value(state: str, at_s: float, *, letter_at_s: float) -> bytes:
    """Return the value: what was decided, when, and about the letter of which moment."""
    return orjson.dumps({"schema": SCHEMA, "state": state, "at": at_s, "letter_at": letter_at_s})


def parse_letter_decision(value: bytes | None) -> LetterDecision | None:
    """Return what was decided about a dead letter; None: nothing that can be read."""
    try:
        raw = orjson.loads(value or b"")
        letter_at = raw.get("letter_at")
        return LetterDecision(
            state=str(raw["state"]),
            at_s=float(raw["at"]),
            letter_at_s=None if letter_at is None else float(letter_at),
        )
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class StageStop:
    """A stage has stopped by itself: *died* of *taken* records died within a minute."""

    stage: str
    died: int
    taken: int
    reason: str  # of the last one
    at_s: float

    @property
    def key(self) -> bytes:
        """breaker/<stage>; a null value lets the stage go on."""
        return BREAKER + self.stage.encode()

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "stage": self.stage,
                "died": self.died,
                "taken": self.taken,
                "reason": self.reason,
                "at": self.at_s,
            }
        )


def fold_stops(records: Iterable[tuple[bytes | None, bytes | None]]) -> dict[str, StageStop]:
    """Return the stages that have stopped, by name; takes all records of `control`, oldest first."""
    stops: dict[str, StageStop] = {}
    for key, value in records:
        if key is None or not key.startswith(BREAKER):
            continue
        stage = key.removeprefix(BREAKER).decode("ascii", "replace")
        stops.pop(stage, None)
        with suppress(orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raw = orjson.loads(value or b"")
            stops[stage] = StageStop(
                stage, int(raw["died"]), int(raw["taken"]), str(raw["reason"]), float(raw["at"])
            )
    return stops
