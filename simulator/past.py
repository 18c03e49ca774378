"""What resources were before their last changes, for answers that lag behind."""

from collections import deque
from dataclasses import dataclass

from pim.kinds import Kind
from simulator.hydra import Json
from simulator.model import Resource, ResourceKey


@dataclass(frozen=True, slots=True)
class Reading:
    """A resource as it was, and how the API showed it."""

    resource: Resource
    answer: Json


@dataclass(frozen=True, slots=True)
class _Before:
    until_s: float
    reading: Reading | None  # None: it did not exist


class Past:
    """How resources were shown within the last *kept_s* seconds; nothing is kept while it is 0."""

    def __init__(self) -> None:
        self.kept_s = 0.0
        self._before: dict[ResourceKey, deque[_Before]] = {}
        self._order: deque[tuple[float, ResourceKey]] = deque()  # oldest first

    def keep(self, kept_s: float) -> None:
        """Keep so many seconds from now on; what was longer ago is forgotten."""
        self.kept_s = kept_s
        if kept_s <= 0:
            self._before.clear()
            self._order.clear()

    def note(self, key: ResourceKey, reading: Reading | None, *, until_s: float) -> None:
        """Remember how a resource was shown until now; None: it did not exist."""
        self._before.setdefault(key, deque()).append(_Before(until_s, reading))
        self._order.append((until_s, key))
        while self._order[0][0] < until_s - self.kept_s:
            _, oldest = self._order.popleft()
            self._before[oldest].popleft()
            if not self._before[oldest]:
                del self._before[oldest]

    def changed_since(self, kind: Kind, at_s: float) -> dict[str, Reading | None]:
        """Return the readings as of *at_s* of those that have changed since, by code."""
        found = {}
        for (each, code), entries in self._before.items():
            before = next((entry for entry in entries if entry.until_s > at_s), None)
            if each is kind and before is not None:
                found[code] = before.reading
        return found
