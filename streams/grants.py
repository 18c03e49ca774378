"""
Grants: how the quota's one owner hands itself requests, so that a successor knows of them.

A grant is appended to `quota` before it is used, and counts only if nobody else wrote meanwhile:
so two owners can never both spend. It is valid for a short time, so a paused owner that wakes up
has nothing to spend. Without I/O.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from topics.grants import GrantKind, GrantRecord

VALID_S: Final = 5.0
REQUESTS_MAX: Final = 50
WINDOW_SHARE_MAX: Final = 0.01


@dataclass(frozen=True, slots=True)
class Written:
    """A record of `quota` as it lies there; *appended_s* is the broker's time."""

    offset: int
    appended_s: float
    record: GrantRecord


@dataclass(frozen=True, slots=True)
class Holding:
    """
    Requests that hold their slots from *since_s* on; *count* None: half of each window.

    In all windows, or in one of them by its place.
    """

    since_s: float
    count: int | None
    window: int | None = None


def to_holdings(written: Sequence[Written], *, deadline_s: float) -> list[Holding]:
    """
    Return what requests of all owners hold, oldest first, by the broker's time.

    *deadline_s* is how long a request may take in all. What was not settled counts in full, from
    the last moment at which an answer could have come.
    """
    settlements = {
        (each.record.owner, each.record.settles): each
        for each in written
        if each.record.settles is not None
    }
    found: list[Holding] = []
    for each in written:
        record = each.record
        if record.kind is GrantKind.FIRST:
            found.append(Holding(each.appended_s, None))
        for window, parts in enumerate(record.memory):
            found += [Holding(each.appended_s - ago_s, count, window) for ago_s, count in parts]
        if record.requests == 0:
            continue
        settled = settlements.get((record.owner, each.offset))
        latest_s = each.appended_s + VALID_S + deadline_s
        if settled is None or record.kind is GrantKind.CHECK:
            found.append(Holding(latest_s, record.requests))
        else:
            running = min(settled.record.running, settled.record.sent)
            found.append(Holding(settled.appended_s, settled.record.sent - running))
            found.append(Holding(min(latest_s, settled.appended_s + deadline_s), running))
    return sorted(
        (holding for holding in found if holding.count != 0), key=lambda each: each.since_s
    )


def knows_all(written: Iterable[Written], *, since_s: float) -> bool:
    """
    Whether these are all records of what was spent since *since_s*, or say what came before them.

    If not, the topic is new, or somebody has emptied it.
    """
    spending = [each for each in written if each.record.kind is not GrantKind.CHECK]
    return any(
        each.appended_s <= since_s or each.record.kind in {GrantKind.FIRST, GrantKind.MEMORY}
        for each in spending
    )


def find_rival(
    written: Iterable[Written], *, owner: str, predecessors: Collection[str] = ()
) -> str | None:
    """
    Return another owner who has written after us, if there is one.

    Who only checks is none. Neither is a grant of one of our *predecessors*, who had written
    before we took over: it finds our record before its own, and may not use it. So of two owners
    the one that took over last goes on.
    """
    for each in written:
        record = each.record
        is_void = record.kind is GrantKind.GRANT and record.owner in predecessors
        if record.owner != owner and record.kind is not GrantKind.CHECK and not is_void:
            return record.owner
    return None


class Allowance:
    """
    What is left of the owner's newest grant, with time passed in.

    The size follows the demand: it doubles while grants are used up, and starts anew at one.
    """

    def __init__(self, *, requests_max: int) -> None:
        self._requests_max = max(1, min(REQUESTS_MAX, requests_max))
        self._size = 1
        self._left = 0
        self._valid_until_s = float("-inf")
        self.offset: int | None = None
        self.sent = 0

    def is_usable(self, now_s: float) -> bool:
        """Whether a request may be sent under the newest grant."""
        return self._left > 0 and now_s < self._valid_until_s

    def next_size(self, *, free: int) -> int:
        """Return how many requests to ask for, of *free* slots."""
        used_up = self.offset is not None and self._left == 0
        self._size = min(self._requests_max, self._size * 2) if used_up else 1
        return max(1, min(self._size, free))

    def granted(self, offset: int, requests: int, *, since_s: float) -> None:
        """Note a grant; *since_s* is when its append began."""
        self.offset, self.sent, self._left = offset, 0, requests
        self._valid_until_s = since_s + VALID_S

    def take(self) -> None:
        """Use one request of the grant."""
        assert self._left > 0
        self._left -= 1
        self.sent += 1

    def forget(self) -> None:
        """Be without a grant: someone else may own the quota now."""
        self._left, self.sent, self.offset, self._size = 0, 0, None, 1
        self._valid_until_s = float("-inf")
