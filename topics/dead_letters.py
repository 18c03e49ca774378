"""Records of `dead-letters`: the bytes that failed, with the reason in the headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from runtime.clock import Clock
from runtime.logs import get_logger
from runtime.metrics import dead_letters
from topics.records import Publisher, Received
from topics.stage_guard import StageGuard

BYTES_MAX: Final = 1024 * 1024
ERROR_MAX_CHARS: Final = 2_000
KEY_SHOWN_MAX: Final = 512
"""Bytes of a record's key in a log line."""

log = get_logger(__name__)


def to_dead_letter_headers(
    *,
    stage: str,
    reason: str,
    error: str,
    topic: str,
    partition: int,
    offset: int,
    now_s: float,
) -> Mapping[str, bytes]:
    """
    Return the headers of a dead letter.

    *partition* and *offset* are -1 for what failed before it lay in *topic*.
    """
    texts = {
        "stage": stage,
        "reason": reason,
        "error": error[:ERROR_MAX_CHARS],
        "topic": topic,
        "partition": str(partition),
        "offset": str(offset),
        "at": f"{now_s:.3f}",
    }
    return {name: text.encode("utf-8", "replace") for name, text in texts.items()}


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where one stage puts the records that it can never process."""

    publisher: Publisher
    topic: str
    stage: str
    clock: Clock  # time.time
    guard: StageGuard | None = None  # None: nothing stops the stage

    async def set_aside(self, received: Received, *, reason: str, error: str) -> None:
        """
        Append the record with its reason; the caller acknowledges it afterwards.

        Where too many records die, this returns only once a person has let the stage go on.

        Raises:
            KafkaUnavailable: it may or may not be stored.
        """
        if self.guard is not None:
            await self.guard.admit(reason)
        headers = to_dead_letter_headers(
            stage=self.stage,
            reason=reason,
            error=error,
            topic=received.topic,
            partition=received.partition,
            offset=received.offset,
            now_s=self.clock(),
        )
        await self.publisher.append(
            self.topic,
            key=received.key,
            value=received.value if received.value is None else received.value[:BYTES_MAX],
            headers=headers,
        )
        dead_letters.labels(self.stage, reason).inc()
        # What the servers said may quote a value: `quindex dead-letters show` has it.
        log.warning(
            "record.dead_lettered",
            stage=self.stage,
            reason=reason,
            key=(received.key or b"")[:KEY_SHOWN_MAX].decode("utf-8", "replace"),
        )
        log.debug("record.dead_letter_error", stage=self.stage, error=error)
