"""Has Quable disabled the webhook? Decided by what it called and what the PIM says has changed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pim.answers import Resource

MARGIN_MAX_S: Final = 120.0
"""How far the PIM's clock may be from ours, and a change from its call."""
_MARGIN_SHARE: Final = 0.2
_LOOKS: Final = 3
"""So often is the PIM asked within *silent_s* while no call comes."""


@dataclass(slots=True)
class CallTimes:
    """When Quable last called, and whether that is so long ago that the PIM should be asked."""

    silent_s: float
    last_s: float
    _asked_s: float = field(default=0.0, init=False)

    @property
    def margin_s(self) -> float:
        """How much younger than the last call a change must be to count."""
        return min(MARGIN_MAX_S, self.silent_s * _MARGIN_SHARE)

    @property
    def asked_since_s(self) -> int:
        """
        From when on the PIM is asked for changes: the first second in which each of them counts.

        Its filter takes whole seconds and includes the one it is given. One that began before the
        margin's end would hold changes that count for nothing, and hide the later ones behind them.
        """
        return math.floor(self.last_s + self.margin_s) + 1

    def add(self, calls_s: Sequence[float]) -> None:
        """Take note of calls."""
        self.last_s = max(self.last_s, *calls_s, 0.0)

    def should_ask(self, now_s: float) -> bool:
        """Whether to ask the PIM now; if so, the next time is a while later."""
        if now_s - self.last_s < self.silent_s or now_s - self._asked_s < self.silent_s / _LOOKS:
            return False
        self._asked_s = now_s
        return True

    def is_unannounced(self, changed_s: float, now_s: float) -> bool:
        """
        Whether a change should have been announced by now, and was not.

        Quable tries a call three times within ten minutes: a younger change says nothing yet.
        """
        return self.last_s + self.margin_s < changed_s < now_s - self.silent_s


def to_modified_s(resource: Resource) -> float | None:
    """Return when the PIM says a resource was modified, unix seconds; None: it does not say so."""
    given = resource.get("dateModified")
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
