"""
The epoch as Elasticsearch keeps it: one document of the control index.

It is kept a second time in the topic `control`; the higher one wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from elasticsearch import AsyncElasticsearch, ConflictError, NotFoundError

from sinks.fields import to_alias, to_control_index
from sinks.generations import read_live_indices

_ID: Final = "epoch"


@dataclass(frozen=True, slots=True)
class StoredEpoch:
    """An epoch, what it stands for (topic id, partitions), and where it was read."""

    epoch: int
    stands_for: Mapping[str, Any]
    seq_no: int
    primary_term: int


async def read_epoch(client: AsyncElasticsearch, prefix: str) -> StoredEpoch | None:
    """Return the epoch, or None if there is none yet, or no control index."""
    try:
        found = await client.get(index=to_control_index(prefix), id=_ID)
    except NotFoundError:
        return None
    source = found["_source"]
    return StoredEpoch(
        int(source["epoch"]), source["stands_for"], found["_seq_no"], found["_primary_term"]
    )


async def raise_epoch(
    client: AsyncElasticsearch,
    prefix: str,
    epoch: int,
    stands_for: Mapping[str, Any],
    *,
    seen: StoredEpoch | None,
) -> bool:
    """
    Store a higher epoch than the one *seen*; return whether it was still that one.

    False means that someone else was faster: read it again.
    """
    assert seen is None or epoch > seen.epoch
    condition: dict[str, Any] = (
        {"op_type": "create"}
        if seen is None
        else {"if_seq_no": seen.seq_no, "if_primary_term": seen.primary_term}
    )
    try:
        await client.index(
            index=to_control_index(prefix),
            id=_ID,
            document={"epoch": epoch, "stands_for": dict(stands_for)},
            **condition,
        )
    except ConflictError:
        return False
    return True


async def read_ends(
    client: AsyncElasticsearch, index: str, *, whole: bool = True
) -> dict[int, int]:
    """
    Return the greatest version by partition of `notifications`, tombstones included.

    *index* may be a list or a pattern, but no alias: that would hide the tombstones. Versions are
    compared as integers, which an aggregation would not do. Unless it must be *whole*, a shard that
    is away is left out.

    Raises:
        ApiError: a shard is away; what it holds may be the greatest.
    """
    found = await client.search(
        index=index,
        query={"exists": {"field": "sync.version"}},
        sort=[{"sync.version": "desc"}],
        collapse={"field": "sync.partition"},
        size=1_000,
        source_includes=["sync.version", "sync.partition"],
        ignore_unavailable=True,
        allow_no_indices=True,
        allow_partial_search_results=not whole,
    )
    hits = (hit["_source"]["sync"] for hit in found["hits"]["hits"])
    return {int(sync["partition"]): int(sync["version"]) for sync in hits}


async def read_versions(
    client: AsyncElasticsearch, prefix: str, locales: Sequence[str]
) -> dict[int, int]:
    """
    Return the greatest version in use by partition of `notifications`: kept indices count too.

    Only those that readers see must be whole. A shard of another, such as one that is being filled
    and has no replica, may be gone for good; that must not keep every worker from starting.

    Raises:
        ApiError: a shard that readers see is away.
    """
    live = await read_live_indices(client, prefix, locales)
    seen = await read_ends(client, ",".join(live.values())) if live else {}
    pattern = ",".join(f"{to_alias(prefix, locale)}-*" for locale in locales)
    kept = await read_ends(client, pattern, whole=False)
    return {p: max(seen.get(p, 0), kept.get(p, 0)) for p in seen.keys() | kept.keys()}
