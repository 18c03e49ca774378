"""Counts what projection had to leave out, by attribute and reason."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from runtime.logs import get_logger
from runtime.metrics import dropped_values
from sinks.markup import to_clean

ATTRIBUTES_MAX: Final = 200
"""How many are told apart; a customer may have any number, under any code."""
OTHER: Final = "other attributes"
_CODE_MAX_CHARS: Final = 120

log = get_logger(__name__)


class Dropped:
    """Each search document counts; a line of the log tells the first time of each."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._names: dict[str, str] = {}

    def note(self, attribute: str, reasons: Iterable[str]) -> None:
        """Count values of one attribute of one search document."""
        name = self._names.get(attribute)
        if name is None:
            if len(self._names) < ATTRIBUTES_MAX:
                name = self._names[attribute] = to_clean(attribute)[:_CODE_MAX_CHARS]
            else:
                name = OTHER
        for reason in reasons:
            if (name, reason) not in self.counts:
                log.warning("value.dropped", attribute=name, reason=reason)
            self.counts[name, reason] += 1
            dropped_values.labels(name, reason).inc()
