"""
Makes room in a spool that fills up: of each resource only the newest notification stays, and the
newest that says that it is new, since a new variant's document is looked at too.

What goes with the others are hints (locales, process) and nothing that the fetch needs. That a
resource is gone is said by the newest alone, or not true any more. Blocks; runs while Kafka is away, so nothing drains the same segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from ingress.accepted import parse_row
from ingress.frames import Piece
from ingress.segments import Segment
from pim.notifications import Notification, parse_notification
from runtime.errors import MalformedNotification

COALESCE_AT: Final = 0.8
"""Of the spool's cap."""
COALESCE_STEP: Final = 0.05
"""How much more must come before it is worth another try."""
RESOURCES_MAX: Final = 200_000
"""How many are remembered; beyond them, older duplicates stay, which is harmless."""
_DIGEST_BYTES: Final = 12


@dataclass(slots=True)
class Freed:
    """What went, and how many segments the disk did not let go of."""

    rows: int = 0
    size: int = 0
    refused: int = 0


def coalesce(segments: Sequence[Segment], notifications: str) -> Freed:
    """
    Rewrite the segments, given oldest first, without superseded rows of topic *notifications*.

    A death in between leaves a segment both old and new: its rows are drained twice.
    """
    freed = Freed()
    seen: dict[bytes, bool] = {}  # by resource: whether a row that stays says that it is new
    for segment in reversed(segments):
        try:
            _rewrite(segment, notifications, seen, freed)
        except OSError:
            freed.refused += 1
    return freed


def _rewrite(segment: Segment, notifications: str, seen: dict[bytes, bool], freed: Freed) -> None:
    pieces = list(segment.scan())
    if any(piece.row is None for piece in pieces):
        return  # the drain reports what is damaged, from the file as it is
    kept = [piece for piece in reversed(pieces) if _is_kept(piece, notifications, seen)]
    if len(kept) < len(pieces):
        size = segment.replace([piece.row for piece in reversed(kept) if piece.row])
        freed.rows += len(pieces) - len(kept)
        freed.size += sum(piece.end - piece.start for piece in pieces) - size


def _is_kept(piece: Piece, notifications: str, seen: dict[bytes, bool]) -> bool:
    notification = _to_notification(piece, notifications)
    if notification is None:
        return True
    digest = blake2b(notification.key.encode(), digest_size=_DIGEST_BYTES).digest()
    is_newest = digest not in seen
    is_kept = is_newest or (notification.is_create and not seen[digest])
    if is_kept and (not is_newest or len(seen) < RESOURCES_MAX):
        seen[digest] = notification.is_create
    return is_kept


def _to_notification(piece: Piece, notifications: str) -> Notification | None:
    """Return what a row says of a resource, if it does."""
    if piece.row is None:
        return None
    try:
        accepted = parse_row(piece.row)
    except ValueError:
        return None  # written by a version that knows better
    if accepted.topic != notifications:
        return None
    try:
        notification = parse_notification(accepted.value)
    except MalformedNotification:
        return None
    return notification if notification.kind else None  # the end of a process, a mark: each counts
