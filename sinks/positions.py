"""
How far the index stage has come in each partition of `snapshots`, as the index itself remembers.

Restored from an older copy, the index remembers less than the consumer group: it is the index that
is right.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from elasticsearch import AsyncElasticsearch, ConflictError, NotFoundError

from runtime.errors import SinkUnavailable
from sinks.fields import to_control_index

_NO_INDEX: Final = "index_not_found_exception"


@dataclass(frozen=True, slots=True)
class StoredPosition:
    """
    A position as it was read, and the place that a change must still find unchanged.

    *epoch* is that of the worker that wrote it; *offset* None: of another incarnation of the topic.
    """

    epoch: int
    offset: int | None
    seq_no: int
    primary_term: int


async def write_positions(
    client: AsyncElasticsearch,
    prefix: str,
    *,
    topic_id: str,
    epoch: int,
    offsets: Mapping[int, int],
    seen: Mapping[int, StoredPosition],
) -> set[int]:
    """
    Remember committed offsets by partition; return those that somebody else has written since.

    *seen* is what was read before. What was written since stays: a worker that is paused between
    reading and writing would put an older offset over that of the worker after it.
    """
    lost = set()
    for partition, offset in offsets.items():
        condition: dict[str, Any] = {"op_type": "create"}
        if (stored := seen.get(partition)) is not None:
            condition = {"if_seq_no": stored.seq_no, "if_primary_term": stored.primary_term}
        try:
            await client.index(
                index=to_control_index(prefix),
                id=_to_id(partition),
                document={"topic_id": topic_id, "epoch": epoch, "offset": offset},
                **condition,
            )
        except ConflictError:
            lost.add(partition)
    return lost


async def read_stored_positions(
    client: AsyncElasticsearch, prefix: str, *, topic_id: str, partitions: int
) -> Mapping[int, StoredPosition]:
    """
    Return what is remembered by partition; nothing where there is no control index.

    Raises:
        SinkUnavailable: a shard is away, so it is not known now.
    """
    ids = [_to_id(partition) for partition in range(partitions)]
    try:
        found = await client.mget(index=to_control_index(prefix), ids=ids)
    except NotFoundError:
        return {}
    for error in (doc["error"] for doc in found["docs"] if "error" in doc):
        if error.get("type") != _NO_INDEX:
            raise SinkUnavailable(f"elasticsearch: {error}")
    return {
        partition: StoredPosition(
            int(source.get("epoch", 0)),
            int(source["offset"]) if source["topic_id"] == topic_id else None,
            doc["_seq_no"],
            doc["_primary_term"],
        )
        for partition, doc in enumerate(found["docs"])
        if doc.get("found")
        for source in [doc["_source"]]
    }


async def read_positions(
    client: AsyncElasticsearch, prefix: str, *, topic_id: str, partitions: int
) -> dict[int, int]:
    """
    Return the remembered offsets by partition, of this incarnation of the topic only.

    Raises:
        SinkUnavailable: as `read_stored_positions`.
    """
    return to_offsets(
        await read_stored_positions(client, prefix, topic_id=topic_id, partitions=partitions)
    )


def to_offsets(stored: Mapping[int, StoredPosition]) -> dict[int, int]:
    """Return the offsets by partition, of this incarnation of the topic only."""
    return {p: each.offset for p, each in stored.items() if each.offset is not None}


def _to_id(partition: int) -> str:
    return f"position-{partition}"
