"""Which records of `dead-letters` are read, and how far that came."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ops.ranges import RangeReader
from ops.seen import Place, Seen
from topics.layout import DEAD_LETTERS_PARTITIONS

CLOCKS_S: Final = 60.0
"""A letter lies in the log at most so long before it was said to be set aside, by any clock."""

Ranges = Mapping[Place, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read; *bounds* are the first and the next offset of each partition."""

    seen: Sequence[Seen]
    bounds: Mapping[int, tuple[int, int]]
    is_partial: bool


async def read_records(
    reader: RangeReader,
    topic: str,
    *,
    ids: Sequence[str] = (),
    since_s: float | None = None,
    newest_max: int | None = None,
    keep: Callable[[Seen], bool] | None = None,
    within_s: float,
) -> Reading:
    """
    Return the dead letters *ids*, or else all, the oldest of each partition first.

    *since_s* leaves out older ones, *newest_max* all but so many of each partition; *keep* says
    which are returned.
    """
    bounds = await reader.bounds([(topic, number) for number in range(DEAD_LETTERS_PARTITIONS)])
    wholes = await _to_wholes(reader, bounds, since_s, newest_max)
    is_cut = newest_max is not None and wholes != bounds
    seen: list[Seen] = []
    end_s, is_whole = reader.clock() + within_s, True
    for ranges in to_rounds(topic, ids, bounds) if ids else [wholes]:
        found, is_whole = await reader.read(ranges, within_s=end_s - reader.clock(), keep=keep)
        seen += found
        if not is_whole:
            break
    numbered = {number: each for (_, number), each in bounds.items()}
    return Reading(seen, numbered, is_partial=is_cut or not is_whole)


async def _to_wholes(
    reader: RangeReader, bounds: Ranges, since_s: float | None, newest_max: int | None
) -> Ranges:
    if since_s is not None:
        starts = await reader.offsets_since(list(bounds), since_s - CLOCKS_S)
        bounds = {place: (starts.get(place, end), end) for place, (_, end) in bounds.items()}
    if newest_max is not None:
        bounds = {place: (max(at, end - newest_max), end) for place, (at, end) in bounds.items()}
    return bounds


def to_rounds(topic: str, ids: Sequence[str], bounds: Ranges) -> Iterator[Ranges]:
    """Yield ranges of one record that together are *ids*: of each partition one at a time."""
    left: dict[Place, list[int]] = {}
    for place, offset in filter(None, (to_place(topic, each) for each in dict.fromkeys(ids))):
        first, end = bounds.get(place, (0, 0))
        if first <= offset < end:
            left.setdefault(place, []).append(offset)
    for rank in range(max(map(len, left.values()), default=0)):
        yield {
            place: (offsets[rank], offsets[rank] + 1)
            for place, offsets in left.items()
            if rank < len(offsets)
        }


def to_place(topic: str, name: str) -> tuple[Place, int] | None:
    """Return where the letter partition/offset lies; None: that is no name of one."""
    partition, _, offset = name.partition("/")
    if not (partition + offset).isascii() or not (partition.isdigit() and offset.isdigit()):
        return None
    return (topic, int(partition)), int(offset)
