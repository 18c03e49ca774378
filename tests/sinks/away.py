"""Indices of a real cluster whose only shard is on no node, as after a node was lost."""

from elasticsearch import AsyncElasticsearch

NOWHERE = {
    "number_of_replicas": 0,
    "auto_expand_replicas": False,
    "routing.allocation.require._name": "no-such-node",
}


async def create_away(client: AsyncElasticsearch, index: str) -> None:
    """Create an index that is known and does not answer."""
    await client.indices.create(
        index=index, settings=NOWHERE, wait_for_active_shards="0", timeout="1s"
    )
