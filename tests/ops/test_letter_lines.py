"""Dead letters as they are shown."""

import pytest

from ops.letter_lines import VALUE_MAX_CHARS, to_line, to_lines, to_object
from ops.terminal import to_json
from tests.ops.hostile import HOSTILE
from tests.ops.letters import letter

NOW_S = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC


def test_a_letter_is_one_line() -> None:
    assert to_line(letter(partition=1, offset=12, at_s=NOW_S), NOW_S) == (
        "1/12     11:06:40  open      index  mapper_parsing_exception  document:a  failed to parse"
    )


def test_all_that_is_known_is_shown() -> None:
    assert to_lines(letter(at_s=NOW_S, value=b'{"a":[1]}'), NOW_S) == [
        "letter    0/0, open",
        "at        11:06:40 UTC",
        "stage     index",
        "reason    mapper_parsing_exception",
        "said      failed to parse",
        "resource  document:a",
        "record    quindex.snapshots 4/5",
        "",
        "{",
        '  "a": [',
        "    1",
        "  ]",
        "}",
    ]


def test_a_payload_that_is_no_json_or_is_not_there() -> None:
    assert to_lines(letter(value=None), NOW_S)[-1] == "(no value)"
    assert to_lines(letter(value=b"\x00\xff"), NOW_S)[-1] == r"\x00\xff"


def test_a_long_payload_is_cut() -> None:
    value = b'"' + b"x" * VALUE_MAX_CHARS * 2 + b'"'

    assert to_lines(letter(value=value), NOW_S)[-1] == f"… ({VALUE_MAX_CHARS * 2 + 2} characters)"


def test_json_holds_the_bytes() -> None:
    assert to_object(letter(value=b"abc"))["value"] == "abc"
    assert to_object(letter(value=b"\xff"))["value_base64"] == "/w=="
    assert to_object(letter(value=None))["value"] is None


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_are_text(value: str) -> None:
    raw = value.encode("utf-8", "surrogatepass")
    found = letter(key=raw, value=raw, error=value, reason=value, stage=value, topic=value)

    assert all(line.isprintable() for line in (to_line(found, NOW_S), *to_lines(found, NOW_S)))
    assert to_json(to_object(found)).isascii()
