"""What `quindex status` shows of what it knows."""

import json
from dataclasses import replace

import pytest

from ops.collector import to_letter_facts, to_reason, to_since_s
from ops.facts import LetterFacts, Part, ScanFacts, StageFacts, WorkerFacts
from ops.freshness import to_freshness, to_percentile
from ops.group import QueuePosition, to_worker
from ops.letters import LetterLog
from ops.quota_facts import to_quota_facts
from ops.seen import Seen
from ops.status_table import to_lines, to_object, to_ranges
from ops.terminal import to_json
from ops.verdict import judge
from pim.kinds import Kind
from runtime.settings import Settings
from streams.log_reader import Read
from tests.ops.hostile import HOSTILE
from tests.ops.letters import letter
from tests.ops.test_verdict import HEALTHY, NOW_S, stage
from topics.due import DueRecord, Lane
from topics.grants import GrantKind, GrantRecord


def test_everything_has_a_line() -> None:
    scan = ScanFacts("s1", "backfill", "asset", "reading", 5, None, 1, 0, NOW_S - 5, NOW_S, False)
    facts = replace(
        HEALTHY,
        stages=[stage("debounce"), stage("index", lag=3, waits_s=2)],
        scans=[scan],
        letters=LetterFacts(7, 2, True, NOW_S - 60, 0, {"index/x": 2}),
        processes=[{"id": "w", "at": NOW_S, "role": "worker", "address": "127.0.0.1:9"}],
        server_version="9.5.3",
        unknown={"quota": "no answer in time"},
    )
    lines = to_lines(facts, judge(facts))

    assert lines[lines.index("") + 1 :] == [
        "complete up to 11:06:38 UTC (2.0 s ago)",
        "debounce       nothing waits",
        "index          3 records wait, the oldest for 2.0 s (partition 3: 3)",
        "fresh fr_FR    p50 0.8 s, p95 1.4 s, p99 2.0 s of 12 search documents in the last hour",
        "webhook        called 60 s ago",
        "workers        1 worker, the group is Stable",
        "               10.0.0.1: due 0",
        "               worker 127.0.0.1:9",
        "quota          10 of 4,800 in the short window, 10 of 240,000 in 24 hours",
        "dead letters   2 open of the newest, 7 in all, the newest 60 s ago (index/x 2)",
        "parked deletes none",
        "backfill       asset reading: 5 of ? resources, drift 0, 5.0 s ago (s1)",
        "versions       quindex 26.1.0, Elasticsearch 9.5.3, epoch 1",
        "unknown        quota: no answer in time",
    ]


def test_what_is_down_is_said_first() -> None:
    facts = replace(HEALTHY, down={Part.KAFKA: "refused"}, stages=None, workers=None)
    lines = to_lines(facts, judge(facts))

    assert lines[0] == "ERROR: Kafka does not answer: refused. Next: quindex doctor"
    assert "Kafka          down: refused" in lines


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_are_text(value: str) -> None:
    facts = replace(
        HEALTHY,
        workers=[WorkerFacts("q", value, {})],
        letters=LetterFacts(1, 1, False, NOW_S, 1, {value: 1}),
        processes=[{"id": value, "at": NOW_S, "waits_for": {value: value}}],
        unknown={"scans": value},
    )
    lines = to_lines(facts, judge(facts))

    assert all(line.isprintable() for line in lines)
    assert to_json(to_object(facts, judge(facts))).isascii()


def test_json_holds_the_verdict_and_all_facts() -> None:
    found = json.loads(to_json(to_object(HEALTHY, judge(HEALTHY))))

    assert found["verdict"]["level"] == "ok"
    assert found["complete_up_to"] == NOW_S
    assert found["stages"][0]["stage"] == "debounce"
    assert found["down"] == {}


def test_a_due_record_waits_since_its_first_notification() -> None:
    record = DueRecord(
        kind=Kind.DOCUMENT,
        code="a",
        lane=Lane.LIVE,
        partition=0,
        offset=1,
        notified_s=5.0,
        newest_s=6.0,
    )
    head = Seen("t", 0, 0, 9.0, b"document:a", record.to_json(), {})

    assert to_since_s("fetch", head) == 5.0
    assert to_since_s("debounce", head) == 9.0
    assert to_since_s("index", head) == 9.0  # not a snapshot: nobody knows better


def test_lag_counts_what_is_there() -> None:
    assert QueuePosition(10, 15, None).lag == 5
    assert QueuePosition(10, 15, 12).lag == 3
    assert QueuePosition(10, 15, 4).lag == 5  # what it would read next has been deleted
    assert QueuePosition(10, 15, 99).lag == 0


def test_a_member_of_the_group_has_its_partitions() -> None:
    member = {
        "client_id": "faust",
        "client_host": "/10.0.0.1",
        "member_assignment": {"assigned_partitions": [{"topic": "q.due", "partitions": [1, 0]}]},
    }

    assert to_worker(member) == WorkerFacts("faust", "10.0.0.1", {"q.due": [0, 1]})
    assert to_worker({}) == WorkerFacts("?", "?", {})


def test_open_letters_count_overtaken_ones_do_not() -> None:
    letters = [letter(offset=1, at_s=NOW_S - 5), letter(offset=2, at_s=NOW_S - 9_000)]
    found = to_letter_facts(LetterLog(letters, 9, {0: 0}, is_partial=True), NOW_S)

    assert (found.total, found.open, found.last_hour) == (9, 2, 1)
    assert found.by_reason == {"index/mapper_parsing_exception": 2}
    assert to_letter_facts(LetterLog([], 0, {}, is_partial=False), NOW_S).newest_s is None


def test_percentiles_are_seconds() -> None:
    hits = [
        {"fields": {"sync.notified_at": ["1000"], "sync.indexed_at": [str(1_000 + 100 * number)]}}
        for number in range(100, 0, -1)
    ]
    found = to_freshness("fr_FR", {"hits": {"total": {"value": 250}, "hits": hits}})

    assert (found.documents, found.p50_s, found.p95_s, found.p99_s) == (250, 5.0, 9.5, 9.9)


def test_of_nothing_there_are_no_percentiles() -> None:
    nothing = {"hits": {"total": {"value": 0}, "hits": []}}

    assert to_freshness("fr_FR", nothing).p50_s is None
    assert to_freshness("fr_FR", {"error": {}}).documents == 0
    assert [to_percentile([7.0], percent) for percent in (0, 50, 100)] == [7.0] * 3


def test_quota_is_what_grants_hold() -> None:
    grant = GrantRecord(GrantKind.GRANT, "me", 7).to_json()
    records = [Read(0, NOW_S, b"k", grant), Read(1, NOW_S, b"k", b"?")]
    found = to_quota_facts(records, Settings(), NOW_S)

    assert (found.used_10min, found.limit_10min, found.used_24h) == (7, 4_800, 7)
    assert found.used_ratio == 7 / 4_800


def test_a_failure_is_one_short_line() -> None:
    assert to_reason(TimeoutError()) == "no answer in time"
    assert to_reason(OSError("a ssl:default\nb")) == "a"
    assert to_reason(OSError()) == "OSError"


def test_a_stage_without_partitions_waits_for_nothing() -> None:
    assert StageFacts("index", []).lag == 0
    assert StageFacts("index", []).oldest_s is None


def test_partitions_are_told_in_short() -> None:
    assert to_ranges([]) == ""
    assert to_ranges([0]) == "0"
    assert to_ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"
