"""Records of `dead-letters`: the bytes that failed, with the reason in the headers."""

from dataclasses import dataclass
from typing import Final

from runtime.clock import Clock
from runtime.logs import get_logger
from runtime.metrics import dead_letters
from topics.records import Publisher, Received

BYTES_MAX: Final = 1024 * 1024
ERROR_MAX_CHARS: Final = 2_000

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where one stage puts the records that it can never process."""

    publisher: Publisher
    topic: str
    stage: str
    clock: Clock  # time.time

    async def set_aside(self, received: Received, *, reason: str, error: str) -> None:
        """
        Append the record with its reason; the caller acknowledges it afterwards.

        Raises:
            KafkaUnavailable: it may or may not be stored.
        """
        texts = {
            "stage": self.stage,
            "reason": reason,
            "error": error[:ERROR_MAX_CHARS],
            "topic": received.topic,
            "partition": str(received.partition),
            "offset": str(received.offset),
            "at": f"{self.clock():.3f}",
        }
        await self.publisher.append(
            self.topic,
            key=received.key,
            value=received.value if received.value is None else received.value[:BYTES_MAX],
            headers={name: text.encode("utf-8", "replace") for name, text in texts.items()},
        )
        dead_letters.labels(self.stage, reason).inc()
        log.warning("record.dead_lettered", stage=self.stage, reason=reason, error=error)
