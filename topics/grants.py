"""Records of `quota`: grants of requests to the PIM, each settling the one before."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import orjson

from runtime.errors import MalformedRecord

SCHEMA: Final = 1


Memory = tuple[tuple[tuple[float, int], ...], ...]
"""For each window, what it holds as (how many seconds ago, how many)."""


class GrantKind(StrEnum):
    """Why the record was appended."""

    GRANT = "grant"
    """So many requests may be sent by the owner, soon."""
    TAKE_OVER = "take_over"
    """A new owner begins; it has read everything before."""
    FIRST = "first"
    """The same, and nothing was there to be read: half of each window counts as used."""
    MEMORY = "memory"
    """The topic was emptied or made anew: its owner, who knows, says what its windows hold."""
    CHECK = "check"
    """Requests of a worker that owns nothing: it tries its token when it starts."""


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """Requests that may be sent from now on, and what became of the grant before."""

    kind: GrantKind
    owner: str
    requests: int
    settles: int | None = None  # the offset of the owner's grant before
    sent: int = 0  # of that one, how many were sent
    running: int = 0  # of all that were sent, how many are not answered yet
    memory: Memory = ()

    def to_json(self) -> bytes:
        """Return the record's value."""
        record: dict[str, object] = {
            "schema": SCHEMA,
            "kind": self.kind.value,
            "owner": self.owner,
            "requests": self.requests,
            "settles": self.settles,
            "sent": self.sent,
            "running": self.running,
        }
        if self.memory:
            record["memory"] = self.memory
        return orjson.dumps(record)

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
                raise MalformedRecord(f"a grant of schema {raw['schema']!r}; known is {SCHEMA}")
            return cls(
                kind=GrantKind(raw["kind"]),
                owner=str(raw["owner"]),
                requests=int(raw["requests"]),
                settles=None if raw["settles"] is None else int(raw["settles"]),
                sent=int(raw["sent"]),
                running=int(raw["running"]),
                memory=tuple(
                    tuple((float(ago_s), int(count)) for ago_s, count in window)
                    for window in raw.get("memory", ())
                ),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise MalformedRecord(f"not a grant: {error}") from error


def find_newer_owner(value: bytes) -> str | None:
    """Return the owner of a grant whose schema this version cannot read; None: it is no grant."""
    try:
        raw = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(raw, dict) or not isinstance(raw.get("schema"), int):
        return None
    owner = raw.get("owner")
    return owner if raw["schema"] > SCHEMA and isinstance(owner, str) else None
