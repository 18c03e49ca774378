"""What resources were before their last changes, for answers that lag behind."""

from collections import defaultdict, deque
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
    """
    The readings of the last *kept_s* seconds.

    Nothing is kept while *kept_s* is 0; the lag of stale answers is at most *kept_s*.
    """

    def __init__(self) -> None:
        self.kept_s = 0.0
        self._before: dict[ResourceKey, deque[_Before]] = defaultdict(deque)

    def note(self, key: ResourceKey, reading: Reading | None, *, until_s: float) -> None:
        """Remember how a resource was shown until now."""
        if self.kept_s <= 0:
            return
        entries = self._before[key]
        while entries and entries[0].until_s < until_s - self.kept_s:
            entries.popleft()
        entries.append(_Before(until_s, reading))

    def changed_since(self, kind: Kind, at_s: float) -> dict[str, Reading | None]:
        """Return the readings as of *at_s* of those that have changed since, by code."""
        found = {}
        for (each, code), entries in self._before.items():
            if each is kind:
                before = self._first_after(entries, at_s)
                if before is not None:
                    found[code] = before.reading
        return found

    @staticmethod
    def _first_after(entries: deque[_Before], at_s: float) -> _Before | None:
        return next((entry for entry in entries if entry.until_s > at_s), None)
