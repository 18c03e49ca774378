"""The facts as lines for a terminal, and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from ops.facts import Facts, StageFacts, WorkerFacts
from ops.spoken import to_clock, to_count, to_span
from ops.terminal import show
from ops.verdict import Verdict, living

_WIDTH: Final = 14
_SHOWN_SCANS: Final = 5
_REASONS_MAX: Final = 5


def to_lines(facts: Facts, verdict: Verdict) -> list[str]:
    """Return the verdict, what else is wrong, then the table."""
    lines = [show(verdict.line, chars_max=1_000)]
    lines += [
        f"  {finding.level.name}: {show(finding.what, chars_max=1_000)}. Next: {finding.command}"
        for finding in verdict.findings[1:]
    ]
    lines.append("")
    lines += [f"{name:<{_WIDTH}} {text}" for name, text in to_rows(facts)]
    return lines


def to_object(facts: Facts, verdict: Verdict) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "verdict": {
            "level": verdict.level.name.lower(),
            "line": verdict.line,
            "findings": [
                {**asdict(finding), "level": finding.level.name.lower()}
                for finding in verdict.findings
            ],
        },
        "complete_up_to": facts.complete_s,
        **asdict(facts),
        "down": {part.value: said for part, said in facts.down.items()},
    }


def to_rows(facts: Facts) -> Iterator[tuple[str, str]]:
    """Return the table: a name, and what is to be said of it."""
    for part, said in facts.down.items():
        yield part.value, f"down: {show(said)}"
    yield "complete up to", _to_complete(facts)
    for stage in facts.stages or ():
        yield stage.stage, _to_stage(stage, facts.now_s)
    for each in facts.freshness or ():
        yield f"fresh {each.locale}", _to_freshness(each)
    yield from _to_people(facts)
    yield from _to_stores(facts)
    for name, why in facts.unknown.items():
        yield "unknown", f"{name}: {show(why)}"


def _to_complete(facts: Facts) -> str:
    if facts.complete_s is None:
        return "unknown"
    behind_s = facts.now_s - facts.complete_s
    clock = to_clock(facts.complete_s, facts.now_s)
    return f"{clock} UTC" + (f" ({to_span(behind_s)} ago)" if behind_s >= 1 else "")


def _to_stage(stage: StageFacts, now_s: float) -> str:
    if not stage.lag:
        return "nothing waits"
    waiting = to_count(stage.lag, "record waits", "records wait")
    age = f", the oldest for {to_span(now_s - stage.oldest_s)}" if stage.oldest_s else ""
    worst = sorted((each for each in stage.partitions if each.lag), key=lambda each: -each.lag)[:3]
    where = ", ".join(f"{each.partition}: {each.lag:,}" for each in worst)
    return f"{waiting}{age} (partition {where})"


def _to_freshness(each: Any) -> str:
    if not each.documents or each.p50_s is None:
        return "nothing was written in the last hour"
    spans = ", ".join(
        f"{name} {to_span(value)}"
        for name, value in (("p50", each.p50_s), ("p95", each.p95_s), ("p99", each.p99_s))
        if value is not None
    )
    return f"{spans} of {to_count(each.documents, 'search document')} in the last hour"


def _to_people(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.stages is not None:
        called = facts.webhook_s
        yield (
            "webhook",
            "no call among the newest notifications"
            if called is None
            else f"called {to_span(facts.now_s - called)} ago",
        )
    if facts.workers is not None:
        said = to_count(len(facts.workers), "worker")
        yield "workers", f"{said}, the group is {facts.group_state}"
        for worker in facts.workers:
            yield "", f"{show(worker.host)}: {_to_assignment(worker)}"
    for process in living(facts):
        role, address = process.get("role", "?"), process.get("address") or "no operations port"
        yield "", f"{show(role)} {show(address)} {show(process.get('version', ''))}".rstrip()


def _to_assignment(worker: WorkerFacts) -> str:
    parts = [
        f"{topic.rpartition('.')[2]} {to_ranges(numbers)}"
        for topic, numbers in sorted(worker.partitions.items())
    ]
    return "; ".join(parts) or "no partition"


def to_ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers in short: 0-3,7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _to_stores(facts: Facts) -> Iterator[tuple[str, str]]:
    if (quota := facts.quota) is not None:
        short = f"{quota.used_10min:,} of {quota.limit_10min:,} in the short window"
        yield "quota", f"{short}, {quota.used_24h:,} of {quota.limit_24h:,} in 24 hours"
    if facts.letters is not None:
        yield "dead letters", _to_letters(facts)
    if facts.parked is not None:
        yield "parked deletes", f"{facts.parked:,}" if facts.parked else "none"
    for scan in (facts.scans or ())[-_SHOWN_SCANS:]:
        total = "?" if scan.total is None else f"{scan.total:,}"
        read = f"{scan.kind} {scan.phase}: {scan.resources:,} of {total} resources"
        age = to_span(facts.now_s - scan.began_s)
        yield scan.purpose, f"{read}, drift {scan.drift:,}, {age} ago ({show(scan.id)})"
    epoch = "unknown" if facts.epoch is None else str(facts.epoch)
    server = f", Elasticsearch {facts.server_version}" if facts.server_version else ""
    yield "versions", f"quindex {facts.version}{server}, epoch {epoch}"


def _to_letters(facts: Facts) -> str:
    letters = facts.letters
    assert letters is not None
    if not letters.total:
        return "none"
    reasons = sorted(letters.by_reason.items(), key=lambda each: -each[1])[:_REASONS_MAX]
    shown = ", ".join(f"{show(reason)} {count:,}" for reason, count in reasons)
    newest = (
        f", the newest {to_span(facts.now_s - letters.newest_s)} ago" if letters.newest_s else ""
    )
    among = " of the newest" if letters.is_partial else ""
    return f"{letters.open:,} open{among}, {letters.total:,} in all{newest}" + (
        f" ({shown})" if shown else ""
    )
