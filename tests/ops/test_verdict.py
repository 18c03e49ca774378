"""The verdict names what is wrong, the weightiest first, and the command that mends it."""

from dataclasses import replace

import pytest

from ops.facts import (
    Facts,
    FreshnessFacts,
    LetterFacts,
    Part,
    PartitionFacts,
    PauseFacts,
    QuotaFacts,
    ScanFacts,
    StageFacts,
    StopFacts,
    WorkerFacts,
)
from ops.verdict import Level, judge, last_drift
from topics.silence import WebhookSilence

NOW_S = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC


def stage(name: str, *, lag: int = 0, waits_s: float = 0.0) -> StageFacts:
    since_s = NOW_S - waits_s if lag else None
    return StageFacts(name, [PartitionFacts(3, 10 + lag, 10, lag, since_s, since_s)])


HEALTHY = Facts(
    now_s=NOW_S,
    version="26.1.0",
    stages=[stage("debounce"), stage("fetch"), stage("index")],
    workers=[WorkerFacts("quindex", "10.0.0.1", {"quindex.due": [0]})],
    group_state="Stable",
    webhook_s=NOW_S - 60,
    freshness=[FreshnessFacts("fr_FR", 12, 0.8, 1.4, 2.0)],
    quota=QuotaFacts(10, 4_800, 10, 240_000),
    letters=LetterFacts(),
    scans=[],
    stops=[],
    parked=0,
    epoch=1,
    processes=[],
)


def scan(purpose: str, drift: int, *, phase: str = "done", began_s: float = 0.0) -> ScanFacts:
    return ScanFacts("a", purpose, "document", phase, 9, 9, 1, drift, began_s, began_s, True)


def test_all_is_well() -> None:
    verdict = judge(HEALTHY)

    assert verdict.level is Level.OK
    assert verdict.line == (
        "OK: complete up to 11:06:40, 95 % of changes were searchable within 1.4 s"
    )


def test_an_index_that_was_never_written_is_well_too() -> None:
    verdict = judge(replace(HEALTHY, freshness=[FreshnessFacts("fr_FR", 0)], stages=None))

    assert verdict.line == "OK: everything works"


@pytest.mark.parametrize(
    ("changes", "level", "said", "command"),
    [
        (
            {"down": {Part.KAFKA: "connection refused"}},
            Level.ERROR,
            "Kafka does not answer: connection refused",
            "quindex doctor",
        ),
        (
            {"missing_topics": ["quindex.due"]},
            Level.ERROR,
            "topics are missing: quindex.due",
            "quindex setup",
        ),
        (
            {"missing_indices": ["quindex-fr_fr"]},
            Level.ERROR,
            "indices are missing: quindex-fr_fr",
            "quindex setup",
        ),
        ({"workers": []}, Level.ERROR, "no worker is running", "quindex worker"),
        (
            {"group_state": "PreparingRebalance"},
            Level.WARNING,
            "the workers are sharing out the partitions",
            "quindex status --watch",
        ),
        (
            {"stops": [StopFacts("index", NOW_S - 5, 120, 130, "mapper_parsing_exception")]},
            Level.ERROR,
            "the stage index has stopped at 11:06:35: 120 of 130 records died within a minute",
            "quindex dead-letters list --stage index",
        ),
        (
            {"stages": [stage("index", lag=7, waits_s=90)]},
            Level.WARNING,
            "the stage index is 90 s behind: 7 records wait",
            "quindex doctor",
        ),
        (
            {"stages": [stage("fetch", lag=1, waits_s=600)]},
            Level.ERROR,
            "the stage fetch is 10 min behind: 1 record waits",
            "quindex quota",
        ),
        (
            {"processes": [{"id": "a", "at": NOW_S, "waits_for": {"fetch": "the PIM: 503"}}]},
            Level.WARNING,
            "the stage fetch waits for the PIM: 503",
            "quindex quota",
        ),
        (
            {"processes": [{"id": "a", "at": NOW_S, "breaker_open": True}]},
            Level.WARNING,
            "the ingress a puts calls into its spool",
            "quindex doctor",
        ),
        (
            {"pauses": [PauseFacts("fetch", NOW_S - 5, "the PIM is moved")]},
            Level.WARNING,
            "the stage fetch is paused since 11:06:35 (the PIM is moved)",
            "quindex resume fetch",
        ),
        ({"parked": 2}, Level.ERROR, "2 deletes are parked", "quindex deletes show"),
        (
            {"letters": LetterFacts(9, 4, last_hour=3, by_reason={"index/x": 4})},
            Level.WARNING,
            "3 records were set aside in the last hour; open in all: 4 index/x",
            "quindex dead-letters list",
        ),
        (
            {"quota": QuotaFacts(4_800, 4_800, 1, 240_000)},
            Level.WARNING,
            "the PIM's quota is short: 100% of our share is used",
            "quindex quota",
        ),
        (
            {"freshness": [FreshnessFacts("de_DE", 5, 40.0, 90.0, 95.0)]},
            Level.WARNING,
            "one change in twenty took over 90 s in the last hour (de_DE)",
            "quindex quota",
        ),
        (
            {"scans": [scan("compare", 4)]},
            Level.WARNING,
            "the last reconcile found 4 search documents that were not as the PIM says",
            "quindex reconcile --dry-run",
        ),
        (
            {"webhook_s": None},
            Level.WARNING,
            "the newest notifications hold no call of Quable's",
            "quindex doctor",
        ),
        (
            {"webhook_s": NOW_S - 200_000},
            Level.WARNING,
            "Quable has not called for 2 days: is its webhook active?",
            "quindex webhook show",
        ),
        (
            {
                "webhook_s": NOW_S - 200_000,
                "silence": WebhookSilence(NOW_S - 7_200, "asset:a", NOW_S - 7_000, NOW_S),
            },
            Level.ERROR,
            (
                "Quable has not called since 09:06:40, though asset:a was changed at 09:10:00: its "
                "webhook is disabled, or its calls do not arrive"
            ),
            "quindex webhook show",
        ),
        (
            {"unknown": {"scans": "no answer in time"}},
            Level.WARNING,
            "unknown: scans (no answer in time)",
            "quindex doctor",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_command_that_helps(
    changes: dict[str, object], level: Level, said: str, command: str
) -> None:
    verdict = judge(replace(HEALTHY, **changes))  # type: ignore[arg-type]  # fields of Facts

    assert verdict.level is level
    assert [finding.command for finding in verdict.findings] == [command]
    assert verdict.findings[0].what.startswith(said)
    assert verdict.line == f"{level.name}: {verdict.findings[0].what}. Next: {command}"


def test_the_weightiest_finding_stands_first() -> None:
    verdict = judge(replace(HEALTHY, webhook_s=None, parked=1))

    assert verdict.line.startswith("ERROR: 1 delete is parked")
    assert verdict.line.endswith("(and 1 more)")


def test_a_process_that_is_silent_says_nothing() -> None:
    process = {"id": "a", "at": NOW_S - 60, "waits_for": {"fetch": "the PIM"}}

    assert judge(replace(HEALTHY, processes=[process])).level is Level.OK


def test_where_a_part_is_down_what_follows_from_it_is_not_said_again() -> None:
    facts = Facts(
        now_s=NOW_S,
        version="1",
        down={Part.KAFKA: "gone", Part.ELASTICSEARCH: "gone"},
        unknown={"scans": "x"},
    )

    assert len(judge(facts).findings) == 2


def test_drift_that_was_repaired_is_no_finding() -> None:
    assert last_drift(replace(HEALTHY, scans=[scan("compare", 3)])) == 3
    repaired = [scan("compare", 3), scan("reconcile", 3, began_s=1)]
    assert last_drift(replace(HEALTHY, scans=repaired)) == 0
    assert last_drift(replace(HEALTHY, scans=[scan("compare", 3, phase="cancelled")])) == 0


def test_complete_is_what_no_queue_still_holds() -> None:
    waiting = [stage("debounce", lag=1, waits_s=5), stage("fetch", lag=1, waits_s=9)]

    assert HEALTHY.complete_s == NOW_S
    assert replace(HEALTHY, stages=waiting).complete_s == NOW_S - 9
    assert replace(HEALTHY, stages=None).complete_s is None
    unread = StageFacts("fetch", [PartitionFacts(0, 2, 1, 1)])
    assert replace(HEALTHY, stages=[unread]).complete_s is None
