"""Records of `processes`: what each process says of itself, so that nobody needs its address."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

from runtime.errors import MalformedRecord

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process at one moment; *waits_for* says by stage what keeps it from going on."""

    id: str
    role: str
    version: str
    address: str  # of its operations port
    at: float  # unix seconds
    waits_for: Mapping[str, str] = field(default_factory=dict)
    breaker_open: bool = False  # of an ingress: calls go to the spool
    spool_used: float = 0.0  # of an ingress: the used part of its spool

    @property
    def key(self) -> bytes:
        """The process's id."""
        return self.id.encode()

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps({"schema": SCHEMA, **asdict(self)})


def parse_process(value: bytes | None) -> Mapping[str, Any]:
    """
    Read a record's value, as it was written.

    Raises:
        MalformedRecord: not JSON, or of a schema that this version cannot read.
    """
    try:
        raw = orjson.loads(value or b"")
        if raw["schema"] != SCHEMA:
            raise MalformedRecord(f"a process of schema {raw['schema']!r}; known is {SCHEMA}")
        return {**raw, "id": str(raw["id"]), "role": str(raw["role"]), "at": float(raw["at"])}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise MalformedRecord(f"not a process: {error}") from error
