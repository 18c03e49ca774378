"""
One order per resource: version = epoch << 40 | end.

*end* is the end offset of the resource's partition of `notifications`, read just before the
request to the PIM was sent, so the version says which notifications the fetch covers. *epoch*
rises when offsets start again or keys move.
"""

from typing import Final

OFFSET_BITS: Final = 40
OFFSET_MAX: Final = (1 << OFFSET_BITS) - 1
EPOCH_MAX: Final = (1 << (63 - OFFSET_BITS)) - 1  # Elasticsearch's versions are signed 64 bit


def to_version(epoch: int, end: int) -> int:
    """Return the version of what is fetched while *end* is the partition's end offset."""
    assert 0 < epoch <= EPOCH_MAX
    assert 0 <= end <= OFFSET_MAX
    return epoch << OFFSET_BITS | end


def to_epoch(version: int) -> int:
    """Return the epoch of a version."""
    return version >> OFFSET_BITS


def to_end(version: int) -> int:
    """Return the end offset of a version."""
    return version & OFFSET_MAX
