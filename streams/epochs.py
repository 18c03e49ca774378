"""When the epoch must rise: offsets start again, keys move, or the log lost its end. Without I/O."""

from collections.abc import Iterable, Mapping

from topics.control import EpochRecord
from topics.versions import to_end, to_epoch


def find_reason(
    known: EpochRecord | None,
    *,
    topic_id: str,
    partitions: int,
    ends: Mapping[int, int],
    versions: Mapping[int, int],
) -> str | None:
    """
    Return why a higher epoch must begin, or None if *known* still stands.

    *ends* are the end offsets of `notifications` by partition; *versions* the greatest version
    that the index holds of each partition's resources, tombstones included.
    """
    if known is None:
        return "first start" if not versions else "the epoch was lost"
    if known.topic_id != topic_id:
        return "notifications was created anew"
    if known.partitions != partitions:
        return f"notifications has {partitions} partitions instead of {known.partitions}"
    if any(to_epoch(version) > known.epoch for version in versions.values()):
        return "the index holds versions of a higher epoch"
    for partition, version in versions.items():
        if to_epoch(version) == known.epoch and to_end(version) > ends.get(partition, 0):
            return f"partition {partition} of notifications lost its end"
    return None


def to_next(
    known: EpochRecord | None,
    *,
    topic_id: str,
    partitions: int,
    versions: Iterable[int],
    now_s: float,
    reason: str,
) -> EpochRecord:
    """Return the epoch above every one in use."""
    highest = max([known.epoch if known else 0, *map(to_epoch, versions)])
    return EpochRecord(highest + 1, topic_id, partitions, now_s, reason)
