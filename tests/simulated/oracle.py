"""States, after a simulated run, whether every promise was kept."""

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from tests.simulated.assembly import ALIASES, LIMITS, TOPICS
from tests.simulated.log import Log, Stored
from tests.simulated.pim import LOCALES
from tests.simulated.traffic import Accepted
from tests.simulated.world import World
from topics.notifications import to_key_bytes
from topics.partitions import to_partition
from topics.versions import to_end, to_epoch


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; *broken* says in words which promises were not kept."""

    seed: int
    broken: tuple[str, ...]
    counts: Counter[str]
    trace: str
    """The same for two runs in which everything was stored at the same moments."""


def judge(world: World) -> Verdict:
    """Look at everything."""
    snapshots = [each for each in world.log.history[TOPICS.snapshots] if each.value]
    broken = [
        *world.failures,
        *([] if world.is_settled else ["it never came to rest"]),
        *find_wrong(world),
        *(f"went back: {each}" for each in world.went_back),
        *(f"acknowledged, and to be read again: {each}" for each in world.forgotten),
        *find_unaccounted(world),
        *find_overclaims(world, snapshots),
        *world.behind,
        *find_needless(world, snapshots),
        *find_excess(world),
        *(f"a dead letter: {each.headers['reason'].decode()}" for each in _letters(world)),
    ]
    counts = (
        world.counts
        + world.traffic.counts
        + Counter(
            accepted=len(world.traffic.accepted),
            requests=world.pim.arrivals,
            snapshots=len(snapshots),
            rebalances=world.group.rebalances,
        )
    )
    broken += [f"it was vacuous: no {name}" for name in ("changes", "writes") if not counts[name]]
    return Verdict(world.plan.seed, tuple(broken), counts, to_trace(world.log))


def to_trace(log: Log) -> str:
    """Return a short text of where and when each record was stored."""
    places = [
        (topic, each.partition, each.offset, each.appended_s)
        for topic, records in sorted(log.history.items())
        for each in records
    ]
    return sha256(repr(places).encode()).hexdigest()[:16]


def find_wrong(world: World) -> list[str]:
    """Compare every search document with what the PIM holds."""
    excused = find_excused(world)
    found = []
    for rank, (alias, locale) in enumerate(zip(ALIASES, LOCALES, strict=True)):
        held = world.cluster.live(alias)
        live = set()
        for code in world.pim.live():
            resource = world.pim.now(code)
            assert resource is not None
            assert resource.revisions is not None
            live.add(f"document:{code}")
            document = held.get(f"document:{code}")
            expected = f"{code} {locale} {resource.revisions[rank]}"
            if document is None:
                if code in excused:
                    continue
                found.append(f"missing: {code} in {locale}")
            elif (told := _label(document)) != expected:
                word = "wrong locale" if told is None or locale not in told else "stale"
                found.append(f"{word}: {code} in {locale} says {told!r}, not {expected!r}")
        found += [f"extra: {id_} in {locale}" for id_ in sorted(held.keys() - live)]
    return found


def find_excused(world: World) -> set[str]:
    """
    Return what the PIM denied when it was asked last, though it lived, after a late repetition.

    The last call repeats that a resource was deleted which is there again: a 404 just then is
    believed at once, as that of any delete; a reconcile finds it.
    """
    newest: dict[str, int] = {}
    last: dict[str, int] = {}
    for each in world.traffic.accepted:
        newest[each.code] = max(each.revision, newest.get(each.code, 0))
        last[each.code] = each.revision
    return {
        code
        for code in world.pim.denied_last
        if last[code] < newest[code] and world.pim.was_deleted(code, last[code])
    }


def find_unaccounted(world: World) -> list[str]:
    """Return the accepted notifications that the index does not cover."""
    return [
        f"not covered: {each.uuid} at {each.partition}/{each.offset} in {alias}"
        for each in world.traffic.accepted
        for alias in ALIASES
        if not _covers(world, world.versions.get((alias, f"document:{each.code}"), 0), each)
    ]


def _covers(world: World, version: int, accepted: Accepted) -> bool:
    partitions = world.epochs.get(to_epoch(version))
    if partitions is None or partitions > accepted.partitions:
        return partitions is not None  # of an epoch that began after it
    partition = to_partition(to_key_bytes(accepted.code), partitions)
    return partition == accepted.partition and to_end(version) > accepted.offset


def find_overclaims(world: World, snapshots: list[Stored]) -> list[str]:
    """Return the snapshots that hold less than they say to cover, unless the PIM lied to them."""
    found = []
    for each in snapshots:
        body = orjson.loads(each.value or b"")
        if body["deleted"]:
            continue
        revision = int(body["resource"]["attributes"]["revision"])
        if (body["code"], revision) in world.pim.lied:
            continue
        covered = [
            other.revision
            for other in world.traffic.accepted
            if other.code == body["code"]
            and other.partition == body["partition"]
            and other.offset < to_end(body["version"])
        ]
        if max(covered, default=0) > revision:
            found.append(f"overclaims: {body['code']} at revision {revision}, {max(covered)} told")
    return found


def find_needless(world: World, snapshots: list[Stored]) -> list[str]:
    """Return the resources that were healed although their snapshots came in order."""
    late = set()
    highest: dict[str, int] = {}
    for each in snapshots:
        body = orjson.loads(each.value or b"")
        if int(body["version"]) < highest.get(body["code"], 0):
            late.add(body["code"])
        highest[body["code"]] = max(int(body["version"]), highest.get(body["code"], 0))
    healed = {
        body["resource"]["code"]
        for body in (orjson.loads(each.value or b"") for each in world.log.of(TOPICS.notifications))
        if body.get("created_by") == "quindex: late snapshot"
    }
    return [f"healed without need: {code}" for code in sorted(healed - late)]


def find_excess(world: World) -> list[str]:
    """Return the windows of the quota in which too many requests came."""
    return [
        f"quota: {peak} requests within {span_s:.0f} s, {limit} allowed"
        for peak, (limit, span_s) in zip(world.pim.peaks, LIMITS, strict=True)
        if peak > limit
    ] + ([f"quota: {world.pim.refused} requests were refused"] if world.pim.refused else [])


def _letters(world: World) -> list[Stored]:
    return world.log.of(TOPICS.dead_letters)


def _label(document: dict[str, Any]) -> str | None:
    label = document["attributes"].get("label", {})
    text = label.get("text") or label.get("keyword")
    return str(text) if text is not None else None
