"""A bulk request and its answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sinks.verdicts import to_answer
from sinks.writes import Answer, Write


def to_operations(writes: Sequence[Write]) -> list[bytes]:
    """Return the lines of the request; an equal version is written again, a lower one refused."""
    lines = []
    for write in writes:
        action = {
            "_index": write.alias,
            "_id": write.id,
            "version": write.version,
            "version_type": "external_gte",
            "require_alias": True,
        }
        lines += [orjson.dumps({"index": action}), write.body]
    return lines


def to_answers(items: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """Return the answers by position, from the answer's `items`."""
    outcomes = (next(iter(item.values())) for item in items)
    return [to_answer(int(outcome["status"]), outcome.get("error")) for outcome in outcomes]
