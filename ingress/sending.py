"""A record on its way to Kafka, and what its call is told in the end."""

import asyncio
from dataclasses import dataclass
from typing import Any

from ingress.producers import is_refused, is_too_large
from runtime.errors import KafkaRefused, KafkaUnavailable, RecordTooLarge

Outcome = Any
"""What the producer says of a record: kafka-python's metadata, or an exception."""


@dataclass(slots=True, eq=False)
class Sending:
    """A record on its way; *stored* gets its offset."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    stored: asyncio.Future[int]
    since_s: float

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.value or b"") + len(self.key or b"")

    def settle(self, outcome: Outcome, *, is_alone: bool) -> None:
        """
        Tell the call, unless it went on to the spool already.

        Where others were sent too, nobody knows which of them was too large.
        """
        if self.stored.done():
            return
        if not isinstance(outcome, Exception):
            self.stored.set_result(outcome.offset)
        elif is_alone and is_too_large(outcome):
            self.stored.set_exception(RecordTooLarge(str(outcome)))
        elif isinstance(outcome, KafkaUnavailable | KafkaRefused):
            self.stored.set_exception(outcome)
        else:
            text = f"{type(outcome).__name__}: {outcome}"
            refused = is_refused(outcome, self.topic)
            self.stored.set_exception((KafkaRefused if refused else KafkaUnavailable)(text))
