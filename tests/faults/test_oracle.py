"""Which accepted notifications may be missing in the log."""

import orjson

from tests.faults.evidence import Lying
from tests.faults.oracle import find_missing
from topics.notifications import Source, to_headers, to_mark

NOW_S = 1_700_000_000.0
MARK = to_mark(since_s=NOW_S - 900, now_s=NOW_S)


def lie(value: bytes, source: Source = Source.WEBHOOK) -> Lying:
    """Return a notification as it lies in the log."""
    return Lying(0, 0, b"a", value, to_headers(source, now_s=NOW_S), NOW_S)


LYING = lie(orjson.dumps({"uuid": "a"}))


def test_what_was_accepted_lies_in_the_log() -> None:
    assert find_missing({"a"}, [LYING], marks=0) == []
    assert find_missing({"a", "b"}, [LYING], marks=0) == ["b is not in the log"]


def test_the_mark_stands_for_calls_that_only_it_could_accept() -> None:
    marked = [LYING, lie(MARK, Source.MARK)]

    assert find_missing({"a", "b"}, marked, marks=1) == []
    assert find_missing({"a", "b"}, [LYING], marks=1) == ["b is not in the log"]  # it is lost too


def test_the_mark_stands_for_no_more_calls_than_it_was_set_for() -> None:
    marked = [LYING, lie(MARK, Source.MARK)]

    assert find_missing({"a", "b"}, marked, marks=0) == ["b is not in the log"]
    assert len(find_missing({"a", "b", "c"}, marked, marks=1)) == 2
