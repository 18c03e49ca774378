"""
How far the index stage has come in each partition of `snapshots`, as the index itself remembers.

Restored from an older copy, the index remembers less than the consumer group: it is the index that
is right.
"""

from collections.abc import Mapping

from elasticsearch import AsyncElasticsearch, NotFoundError

from sinks.fields import to_control_index


async def write_positions(
    client: AsyncElasticsearch, prefix: str, *, topic_id: str, offsets: Mapping[int, int]
) -> None:
    """Remember committed offsets by partition; what was remembered before is overwritten."""
    for partition, offset in offsets.items():
        await client.index(
            index=to_control_index(prefix),
            id=f"position-{partition}",
            document={"topic_id": topic_id, "offset": offset},
        )


async def read_positions(
    client: AsyncElasticsearch, prefix: str, *, topic_id: str, partitions: int
) -> dict[int, int]:
    """Return the remembered offsets by partition, of this incarnation of the topic only."""
    ids = [f"position-{partition}" for partition in range(partitions)]
    try:
        found = await client.mget(index=to_control_index(prefix), ids=ids)
    except NotFoundError:
        return {}
    return {
        partition: int(doc["_source"]["offset"])
        for partition, doc in enumerate(found["docs"])
        if doc.get("found") and doc["_source"]["topic_id"] == topic_id
    }
