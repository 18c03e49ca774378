"""How long a page of a scan is tried again, and when its scan has failed. Without I/O."""

from dataclasses import dataclass
from typing import Final

from runtime.errors import KafkaRefused, PermanentError, PimUnauthorized, QuindexError

AGAIN_MIN_S: Final = 5.0
AGAIN_MAX_S: Final = 60.0
UNUSABLE_MAX_S: Final = 3_600.0
"""A page that could not be read for so long, though the PIM answers, ends its scan."""


@dataclass(slots=True)
class Patience:
    """
    What was tried for one page.

    A server that is away, and a token that is refused, are waited for: a person mends them, and the
    scan goes on.
    """

    tries: int = 0
    unusable_since_s: float | None = None

    def failed(self, error: QuindexError, now_s: float) -> float | None:
        """Return when to try again (unix seconds), or None: the scan has failed."""
        self.tries += 1
        if not _is_unusable(error):
            self.unusable_since_s = None
        elif self.unusable_since_s is None:
            self.unusable_since_s = now_s
        elif now_s - self.unusable_since_s >= UNUSABLE_MAX_S:
            return None
        exponent = min(self.tries - 1, 10)
        return now_s + min(AGAIN_MAX_S, AGAIN_MIN_S * 2.0**exponent)


def _is_unusable(error: QuindexError) -> bool:
    return isinstance(error, PermanentError) and not isinstance(
        error, (PimUnauthorized, KafkaRefused)
    )
