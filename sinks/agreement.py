"""Whether new indices say what the live ones say: counts, sampled contents, a sample of searches."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from elasticsearch import AsyncElasticsearch

from runtime.errors import SinkUnavailable
from sinks.comparison import find_differences
from sinks.fields import to_alias
from sinks.moments import to_moment

SAMPLE_MAX: Final = 200
SEARCHES_MAX: Final = 10
COUNT_TOLERANCE: Final = 5
COUNT_TOLERANCE_SHARE: Final = 0.005
CLOCKS_DIFFER_S: Final = 2.0
"""Between the workers' clocks and ours, at most, for what they wrote to count as older."""
_EXAMPLES_MAX: Final = 5


@dataclass
class Findings:
    """What was compared and what differs, in words."""

    sampled: int = 0
    searched: int = 0
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


async def compare_generations(
    client: AsyncElasticsearch, prefix: str, target: Mapping[str, str], *, filled_s: float
) -> Findings:
    """
    Compare *target* with what the aliases stand for now.

    *filled_s* (unix seconds) is the moment up to which *target* was filled: what the live index
    was given later proves nothing. Edits go on meanwhile, so counts may differ a little, and a
    document whose versions differ is no evidence. Contents that differ at the same version are,
    unless the mapping has changed: then that is what the rebuild is for.

    Raises:
        SinkUnavailable, ApiError: a shard is away; what it holds is not missing.
    """
    older = {"range": {"sync.indexed_at": {"lt": to_moment(filled_s - CLOCKS_DIFFER_S)}}}
    findings = Findings()
    for each in await asyncio.gather(
        *(
            _compare(client, locale, to_alias(prefix, locale), index, older=older)
            for locale, index in target.items()
        )
    ):
        findings.sampled += each.sampled
        findings.searched += each.searched
        findings.problems += each.problems
        findings.remarks += each.remarks
    return findings


async def _compare(
    client: AsyncElasticsearch, locale: str, alias: str, index: str, *, older: Mapping[str, Any]
) -> Findings:
    findings = Findings()
    if not await client.indices.exists_alias(name=alias):
        findings.remarks.append(f"{locale}: there is no live index to compare with")
        return findings
    await client.indices.refresh(index=[alias, index])
    await _compare_counts(client, locale, alias, index, findings, older=older)
    hits = await _sample(client, alias, older=older)
    same_mapping = await _read_meta(client, alias) == await _read_meta(client, index)
    same = await _compare_contents(client, locale, index, hits, findings, strict=same_mapping)
    await _compare_searches(client, locale, index, same[:SEARCHES_MAX], findings)
    return findings


async def _compare_counts(
    client: AsyncElasticsearch,
    locale: str,
    alias: str,
    index: str,
    findings: Findings,
    *,
    older: Mapping[str, Any],
) -> None:
    live = int((await client.count(index=alias, query=older))["count"])
    new = int((await client.count(index=index, query={"term": {"deleted": False}}))["count"])
    tolerance = max(COUNT_TOLERANCE, int(live * COUNT_TOLERANCE_SHARE))
    if new < live - tolerance:
        findings.problems.append(f"{locale}: {new} documents instead of {live}")
    elif new != live:
        findings.remarks.append(f"{locale}: {new} documents, {live} in the live index")


async def _sample(
    client: AsyncElasticsearch, alias: str, *, older: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    found = await client.search(
        index=alias,
        query={"function_score": {"query": older, "random_score": {}}},
        size=SAMPLE_MAX,
        allow_partial_search_results=False,
    )
    return list(found["hits"]["hits"])


async def _compare_contents(
    client: AsyncElasticsearch,
    locale: str,
    index: str,
    hits: Sequence[Mapping[str, Any]],
    findings: Findings,
    *,
    strict: bool,
) -> Sequence[Mapping[str, Any]]:
    """Return those hits whose version is the same in both: only they are evidence."""
    if not hits:
        return []
    found = await client.mget(index=index, ids=[hit["_id"] for hit in hits])
    if refused := next((doc["error"] for doc in found["docs"] if "error" in doc), None):
        raise SinkUnavailable(f"elasticsearch: {refused}")
    missing, different, same = [], [], []
    for hit, doc in zip(hits, found["docs"], strict=True):
        findings.sampled += 1
        if not doc.get("found"):
            missing.append(hit["_id"])
        elif doc["_source"]["sync"]["version"] == hit["_source"]["sync"]["version"]:
            same.append(hit)
            paths = find_differences(hit["_source"], doc["_source"])
            if paths:
                different.append(f"{hit['_id']} at {', '.join(paths[:_EXAMPLES_MAX])}")
    if missing:
        findings.problems.append(
            f"{locale}: {len(missing)} of {len(hits)} sampled documents are missing, such as "
            f"{', '.join(missing[:_EXAMPLES_MAX])}"
        )
    if different:
        text = f"{locale}: {len(different)} sampled documents differ, such as {different[0]}"
        (findings.problems if strict else findings.remarks).append(text)
    return same


async def _compare_searches(
    client: AsyncElasticsearch,
    locale: str,
    index: str,
    hits: Sequence[Mapping[str, Any]],
    findings: Findings,
) -> None:
    """A document that has a name is found by its whole name."""
    for hit in hits:
        name = hit["_source"].get("name")
        if not isinstance(name, str) or not name.strip():
            continue
        findings.searched += 1
        is_found = [await _finds(client, each, hit["_id"], name) for each in (hit["_index"], index)]
        if is_found == [True, False]:
            findings.problems.append(f"{locale}: {hit['_id']} is not found by its name {name!r}")


async def _finds(client: AsyncElasticsearch, index: str, id_: str, name: str) -> bool:
    answer = await client.search(
        index=index,
        query={
            "bool": {
                "must": [{"match": {"name": {"query": name, "operator": "and"}}}],
                "filter": [{"ids": {"values": [id_]}}],
            }
        },
        size=1,
        allow_partial_search_results=False,
    )
    return bool(answer["hits"]["hits"])


async def _read_meta(client: AsyncElasticsearch, index: str) -> Any:
    found = await client.indices.get_mapping(index=index)
    return next(iter(found.values()))["mappings"].get("_meta")
