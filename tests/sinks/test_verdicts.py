from typing import Any

import orjson
import pytest

from sinks.bulk import to_answers, to_operations
from sinks.verdicts import to_answer, to_reason
from sinks.writes import Verdict, Write, to_write


def fault(kind: str, reason: str = "why", **more: Any) -> dict[str, Any]:
    return {"type": kind, "reason": reason, **more}


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (200, None, Verdict.OK),
        (201, None, Verdict.OK),
        (409, fault("version_conflict_engine_exception"), Verdict.STALE),
        (429, fault("es_rejected_execution_exception"), Verdict.AGAIN),
        (429, fault("circuit_breaking_exception"), Verdict.AGAIN),
        (429, fault("cluster_block_exception", "disk usage exceeded flood-stage"), Verdict.AGAIN),
        (403, fault("cluster_block_exception", "index write (api)"), Verdict.AGAIN),
        (503, fault("unavailable_shards_exception"), Verdict.AGAIN),
        (502, None, Verdict.AGAIN),
        (400, fault("document_parsing_exception"), Verdict.DEAD),
        (400, fault("mapper_parsing_exception"), Verdict.DEAD),
        (400, fault("strict_dynamic_mapping_exception"), Verdict.DEAD),
        (400, fault("illegal_argument_exception", "one immense term"), Verdict.DEAD),
        (400, fault("illegal_argument_exception", "Limit of total fields [1]"), Verdict.DEAD),
        (400, fault("illegal_argument_exception", "no write index for alias [x]"), Verdict.STOP),
        (400, fault("media_type_header_exception"), Verdict.STOP),
        (400, None, Verdict.STOP),
        (413, None, Verdict.DEAD),
        (401, fault("security_exception"), Verdict.STOP),
        (403, fault("security_exception"), Verdict.STOP),
        (404, fault("index_not_found_exception"), Verdict.STOP),
    ],
)
def test_the_servers_answer_decides_what_becomes_of_a_document(
    status: int, error: dict[str, Any] | None, verdict: Verdict
) -> None:
    assert to_answer(status, error).verdict is verdict


def test_a_verdict_carries_the_servers_words() -> None:
    cause = fault("illegal_argument_exception", "inner")
    answer = to_answer(400, fault("document_parsing_exception", "outer", caused_by=cause))

    assert answer.reason == "document_parsing_exception"
    assert answer.error == "400 document_parsing_exception: outer: inner"


def test_causes_are_followed_only_so_far() -> None:
    error: dict[str, Any] = fault("a")
    error["caused_by"] = error

    assert to_reason(error) == "why: why: why: why"


def test_a_bulk_names_the_version_of_each_document() -> None:
    lines = to_operations([to_write("quindex-fr_fr", "document:a", 7, {"code": "a"})])

    assert [orjson.loads(line) for line in lines] == [
        {
            "index": {
                "_index": "quindex-fr_fr",
                "_id": "document:a",
                "version": 7,
                "version_type": "external_gte",
                "require_alias": True,
            }
        },
        {"code": "a"},
    ]


def test_answers_come_by_position() -> None:
    items: list[dict[str, Any]] = [
        {"index": {"status": 201}},
        {"index": {"status": 409, "error": fault("version_conflict_engine_exception")}},
    ]

    assert [answer.verdict for answer in to_answers(items)] == [Verdict.OK, Verdict.STALE]


def test_a_write_is_about_as_large_as_its_lines() -> None:
    write = Write("quindex-fr_fr", "document:a", 7, b"x" * 1000)
    size_bytes = sum(len(line) + 1 for line in to_operations([write]))

    assert abs(write.size_bytes - size_bytes) < 100
