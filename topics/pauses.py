"""Which stages a person has paused: records `pause/<stage>` of `control`, followed by each worker."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import orjson

from topics.control import SCHEMA

PAUSE: Final = b"pause/"
"""Before the name of a stage: a person has paused it. A null value resumes it."""


@dataclass(frozen=True, slots=True)
class StagePause:
    """A stage takes nothing on until it is resumed; what it holds it keeps."""

    stage: str
    reason: str
    at_s: float

    @property
    def key(self) -> bytes:
        """pause/<stage>."""
        return PAUSE + self.stage.encode()

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps(
            {"schema": SCHEMA, "stage": self.stage, "reason": self.reason, "at": self.at_s}
        )


class Pauses:
    """
    What all records of `control`, oldest first, say of pauses; anything else counts nothing.

    *tell* is given an event and a stage whenever one is paused or resumed.
    """

    def __init__(self, tell: Callable[[str, str], None] = lambda _event, _stage: None) -> None:
        self._tell = tell
        self.now: dict[str, StagePause] = {}

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Take in a record."""
        if key is None or not key.startswith(PAUSE):
            return
        stage = key.removeprefix(PAUSE).decode("ascii", "replace")
        was = self.now.pop(stage, None)
        with suppress(orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raw = orjson.loads(value or b"")
            self.now[stage] = StagePause(stage, str(raw["reason"]), float(raw["at"]))
        if (was is None) != (stage not in self.now):
            self._tell("stage.paused" if was is None else "stage.unpaused", stage)

    def to_wait(self, stage: str) -> str | None:
        """Return what a paused stage waits for; None: it is not paused."""
        return f"a person: quindex resume {stage}" if stage in self.now else None
