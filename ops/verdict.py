"""
The verdict: is the index fresh, and if not, why, and which command mends it.

The findings are in the order of their weight: what stands first is the reason for what follows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from ops.facts import Facts, StageFacts
from ops.spoken import to_clock, to_count, to_span

BEHIND_S: Final = 60.0
"""A record that waits for longer says that a stage is behind."""
STUCK_S: Final = 300.0
"""A record that waits for longer, with nothing to wait for, says that a stage is stuck."""
SLOW_P95_S: Final = 30.0
QUOTA_SHORT_RATIO: Final = 0.9
SILENT_S: Final = 86_400.0
"""After so long without a call, the webhook may be disabled in Quable."""
STALE_PROCESS_S: Final = 30.0
"""Each process tells of itself every 5 s."""

_MENDING: Final = {
    "debounce": "quindex doctor",
    "fetch": "quindex quota",
    "index": "quindex doctor",
}


class Level(IntEnum):
    """How bad it is."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is as it should not be; *command* mends it, or shows more."""

    level: Level
    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings, the weightiest first; and the line that says it all."""

    level: Level
    line: str
    findings: tuple[Finding, ...]


def judge(facts: Facts) -> Verdict:
    """Return what follows from the facts."""
    findings = tuple(sorted(_find(facts), key=lambda each: -each.level))
    if findings:
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        return Verdict(
            first.level, f"{first.level.name}: {first.what}. Next: {first.command}{more}", findings
        )
    return Verdict(Level.OK, f"OK: {_to_freshness(facts)}", ())


def _find(facts: Facts) -> Iterator[Finding]:
    for part, said in facts.down.items():
        yield Finding(Level.ERROR, f"{part.value} does not answer: {said}", "quindex doctor")
    yield from _find_setup(facts)
    yield from _find_workers(facts)
    yield from _find_stops(facts)
    yield from _find_silence(facts)
    yield from _find_pauses(facts)
    yield from _find_processes(facts)
    for stage in facts.stages or ():
        yield from _find_lag(stage, facts)
    yield from _find_set_aside(facts)
    yield from _find_slow(facts)
    yield from _find_rest(facts)


def _find_setup(facts: Facts) -> Iterator[Finding]:
    if facts.missing_topics:
        names = ", ".join(facts.missing_topics)
        yield Finding(Level.ERROR, f"topics are missing: {names}", "quindex setup")
    if facts.missing_indices:
        names = ", ".join(facts.missing_indices)
        yield Finding(Level.ERROR, f"indices are missing: {names}", "quindex setup")


def _find_workers(facts: Facts) -> Iterator[Finding]:
    if facts.workers is not None and not facts.workers and not facts.missing_topics:
        yield Finding(Level.ERROR, "no worker is running, so nothing is indexed", "quindex worker")
    elif facts.group_state in {"PreparingRebalance", "CompletingRebalance"}:
        yield Finding(
            Level.WARNING, "the workers are sharing out the partitions", "quindex status --watch"
        )


def _find_stops(facts: Facts) -> Iterator[Finding]:
    for stop in facts.stops or ():
        yield Finding(
            Level.ERROR,
            f"the stage {stop.stage} has stopped at {to_clock(stop.at_s, facts.now_s)}: "
            f"{stop.died} of {stop.taken} records died within a minute ({stop.reason})",
            f"quindex dead-letters list --stage {stop.stage}",
        )


def _find_pauses(facts: Facts) -> Iterator[Finding]:
    for pause in facts.pauses or ():
        why = f" ({pause.reason})" if pause.reason else ""
        yield Finding(
            Level.WARNING,
            f"the stage {pause.stage} is paused since {to_clock(pause.at_s, facts.now_s)}{why}",
            f"quindex resume {pause.stage}",
        )


def _find_processes(facts: Facts) -> Iterator[Finding]:
    for process in living(facts):
        name = str(process.get("id", "?"))[:12]
        for stage, reason in (_to_mapping(process.get("waits_for"))).items():
            if reason:
                yield Finding(
                    Level.WARNING,
                    f"the stage {stage} waits for {str(reason)[:200]}",
                    _MENDING.get(str(stage), "quindex doctor"),
                )
        if process.get("breaker_open"):
            yield Finding(
                Level.WARNING,
                f"the ingress {name} puts calls into its spool: Kafka is away or slow",
                "quindex doctor",
            )


def _find_lag(stage: StageFacts, facts: Facts) -> Iterator[Finding]:
    if not stage.lag or stage.oldest_s is None:
        return
    age_s = facts.now_s - stage.oldest_s
    if age_s < BEHIND_S:
        return
    yield Finding(
        Level.ERROR if age_s >= STUCK_S else Level.WARNING,
        f"the stage {stage.stage} is {to_span(age_s)} behind: "
        f"{to_count(stage.lag, 'record waits', 'records wait')}",
        _MENDING.get(stage.stage, "quindex doctor"),
    )


def _find_set_aside(facts: Facts) -> Iterator[Finding]:
    if facts.parked:
        yield Finding(
            Level.ERROR,
            f"{to_count(facts.parked, 'delete is', 'deletes are')} parked: the PIM denied many "
            "resources that nobody had announced as deleted",
            "quindex deletes show",
        )
    if facts.letters is not None and facts.letters.last_hour:
        reasons = ", ".join(
            f"{count} {reason}"
            for reason, count in sorted(facts.letters.by_reason.items(), key=lambda each: -each[1])[
                :3
            ]
        )
        yield Finding(
            Level.WARNING,
            f"{to_count(facts.letters.last_hour, 'record was', 'records were')} set aside in the "
            f"last hour; open in all: {reasons}",
            "quindex dead-letters list",
        )


def _find_slow(facts: Facts) -> Iterator[Finding]:
    if facts.quota is not None and facts.quota.used_ratio >= QUOTA_SHORT_RATIO:
        yield Finding(
            Level.WARNING,
            f"the PIM's quota is short: {facts.quota.used_ratio:.0%} of our share is used",
            "quindex quota",
        )
    slow = [each for each in facts.freshness or () if (each.p95_s or 0.0) > SLOW_P95_S]
    if slow:
        worst = max(slow, key=lambda each: each.p95_s or 0.0)
        yield Finding(
            Level.WARNING,
            f"one change in twenty took over {to_span(worst.p95_s or 0.0)} in the last hour "
            f"({worst.locale})",
            "quindex quota",
        )


def _find_rest(facts: Facts) -> Iterator[Finding]:
    drift = last_drift(facts)
    if drift:
        yield Finding(
            Level.WARNING,
            f"the last reconcile found {to_count(drift, 'search document')} that were not as the "
            "PIM says",
            "quindex reconcile --dry-run",
        )
    if not facts.down:
        for name, why in facts.unknown.items():
            yield Finding(Level.WARNING, f"unknown: {name} ({why})", "quindex doctor")


def _find_silence(facts: Facts) -> Iterator[Finding]:
    silence = facts.silence
    if silence is not None:
        yield Finding(
            Level.ERROR,
            f"Quable has not called since {to_clock(silence.since_s, facts.now_s)}, though "
            f"{silence.changed} was changed at {to_clock(silence.changed_s, facts.now_s)}: its "
            "webhook is disabled, or its calls do not arrive",
            "quindex webhook show",
        )
    elif facts.stages is None or facts.missing_topics:
        return
    elif facts.webhook_s is None and "webhook" not in facts.unknown:
        yield Finding(
            Level.WARNING, "the newest notifications hold no call of Quable's", "quindex doctor"
        )
    elif facts.webhook_s is not None and facts.now_s - facts.webhook_s > SILENT_S:
        yield Finding(
            Level.WARNING,
            f"Quable has not called for {to_span(facts.now_s - facts.webhook_s)}: is its "
            "webhook active?",
            "quindex webhook show",
        )


def living(facts: Facts) -> list[Mapping[str, Any]]:
    """Return the processes that have told of themselves just now."""
    return [
        each
        for each in facts.processes or ()
        if facts.now_s - float(each.get("at") or 0.0) <= STALE_PROCESS_S
    ]


def last_drift(facts: Facts) -> int:
    """Return what the last reconcile of each kind has found, repaired or not, in all."""
    newest: dict[str, int] = {}
    for scan in sorted(facts.scans or (), key=lambda each: each.began_s):
        if scan.phase == "done" and scan.purpose in {"reconcile", "compare"}:
            newest[scan.kind] = scan.drift if scan.purpose == "compare" else 0
    return sum(newest.values())


def _to_freshness(facts: Facts) -> str:
    said = "everything works"
    if facts.complete_s is not None:
        said = f"complete up to {to_clock(facts.complete_s, facts.now_s)}"
    measured = [each for each in facts.freshness or () if each.documents and each.p95_s is not None]
    if measured:
        slowest = max(measured, key=lambda each: each.p95_s or 0.0)
        said += f", 95 % of changes were searchable within {to_span(slowest.p95_s or 0.0)}"
    return said


def _to_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
