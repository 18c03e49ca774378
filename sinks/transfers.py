"""
A transfer: readers are moved to other indices, by a rebuild or a rollback.

What stands where lies in one document of the control index, so that a transfer that was stopped
can be resumed, by the command or, after the swap, by a worker.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from elasticsearch import AsyncElasticsearch, ConflictError, NotFoundError

from sinks.fields import to_control_index

_ID: Final = "transfer"
SCHEMA: Final = 1


class Phase(StrEnum):
    """How far a transfer has come."""

    FILLING = "filling"
    """The new indices are being filled; readers know nothing of them."""
    SWAPPED = "swapped"
    """Readers use them; what was written to the old ones meanwhile has to be read once more."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where a transfer stands; indices are given by locale, offsets by partition of snapshots."""

    kind: str  # rebuild or rollback
    phase: Phase
    number: int  # of the new indices, and of the reader's group
    target: Mapping[str, str]
    previous: Mapping[str, str]
    topic_id: str
    noted: Mapping[int, int]  # committed by the index stage before the swap
    began_s: float
    swapped_s: float = 0.0
    beat_s: float = 0.0  # when somebody last worked on it

    def to_document(self) -> dict[str, Any]:
        """Return the control document."""
        offsets = {str(partition): offset for partition, offset in self.noted.items()}
        return {"schema": SCHEMA, **asdict(self), "phase": self.phase.value, "noted": offsets}

    @classmethod
    def parse(cls, source: Mapping[str, Any]) -> "Transfer":
        """Read the control document."""
        fields = {key: value for key, value in source.items() if key != "schema"}
        fields["phase"] = Phase(fields["phase"])
        fields["noted"] = {int(partition): at for partition, at in fields["noted"].items()}
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Stored:
    """A transfer as it was read, and the place that a change must still find unchanged."""

    transfer: Transfer
    seq_no: int
    primary_term: int


async def read_transfer(client: AsyncElasticsearch, prefix: str) -> Stored | None:
    """Return the newest transfer, or None if there was none."""
    try:
        found = await client.get(index=to_control_index(prefix), id=_ID)
    except NotFoundError:
        return None
    return Stored(Transfer.parse(found["_source"]), found["_seq_no"], found["_primary_term"])


async def store_transfer(
    client: AsyncElasticsearch, prefix: str, transfer: Transfer, *, seen: Stored | None
) -> Stored | None:
    """Store the next state; None: somebody else has changed it meanwhile."""
    condition: dict[str, Any] = (
        {"op_type": "create"}
        if seen is None
        else {"if_seq_no": seen.seq_no, "if_primary_term": seen.primary_term}
    )
    try:
        done = await client.index(
            index=to_control_index(prefix),
            id=_ID,
            document=transfer.to_document(),
            refresh="wait_for",
            **condition,
        )
    except ConflictError:
        return None
    return Stored(transfer, done["_seq_no"], done["_primary_term"])


def advance(transfer: Transfer, **changes: Any) -> Transfer:
    """Return the transfer with some fields changed."""
    return replace(transfer, **changes)
