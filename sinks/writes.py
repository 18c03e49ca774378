"""A write to a sink, and what the sink answered to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import orjson

from runtime.errors import PermanentError


class Verdict(StrEnum):
    """What becomes of a write; the caller's next step."""

    OK = "ok"
    STALE = "stale"  # the index holds a newer version: a success
    AGAIN = "again"  # refused for now
    DEAD = "dead"  # this document will never be taken
    STOP = "stop"  # nothing will be taken until a person mends something


class SinkRefused(PermanentError):
    """The sink takes nothing until a person mends something; nothing was lost."""

    reason = "sink_refused"


@dataclass(frozen=True, slots=True)
class Write:
    """A search document on its way to the index behind *alias*."""

    alias: str
    id: str
    version: int
    body: bytes  # JSON

    @property
    def key(self) -> tuple[str, str]:
        """Never two of these at once."""
        return self.alias, self.id

    @property
    def size_bytes(self) -> int:
        """About what it takes of a bulk."""
        return len(self.body) + len(self.id) + len(self.alias) + 100


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on one write; *reason* is a stable word, *error* the server's own text."""

    verdict: Verdict
    reason: str = ""
    error: str = ""


class Sink(Protocol):
    """Where search documents are written."""

    async def write(self, writes: Sequence[Write]) -> list[Answer]:
        """
        Write each document unless a newer version is there; return the answers by position.

        An equal version is written again.

        Raises:
            SinkUnavailable: any of them may or may not be written; write all of them again.
        """


def to_write(alias: str, id_: str, version: int, document: Mapping[str, Any]) -> Write:
    """Return the write of a search document."""
    return Write(alias, id_, version, orjson.dumps(document))
