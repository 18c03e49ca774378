"""What others wrote stays text on a terminal."""

import json
import shlex
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.terminal import SHOWN_MAX_CHARS, show, to_argument, to_json
from tests.ops.hostile import HOSTILE


def is_harmless(text: str) -> bool:
    return all(char.isprintable() or unicodedata.category(char) == "Zs" for char in text)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_is_one_line_of_visible_characters(value: str) -> None:
    shown = show(value)

    assert is_harmless(shown)
    assert len(shown.splitlines()) == 1
    assert len(shown) <= SHOWN_MAX_CHARS * 10 + 40


def test_what_is_visible_stays_as_it_is() -> None:
    assert show("Jupe d'été – 50 %, 漢字 🙂") == "Jupe d'été – 50 %, 漢字 🙂"  # noqa: RUF001  # as people write


def test_an_escape_sequence_is_spelled_out() -> None:
    assert show("\x1b[31mred") == r"\x1b[31mred"
    assert show("a\u202eb\U000e0001") == r"a\u202eb\U000e0001"


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert show("x" * 10_000, chars_max=3) == "xxx… (10000 characters)"
    assert show("xxx", chars_max=3) == "xxx"


@given(st.text())
def test_no_text_does_anything_to_a_terminal(text: str) -> None:
    assert is_harmless(show(text))


@given(st.recursive(st.text() | st.integers(), st.lists))
def test_json_is_ascii_and_says_the_same(value: object) -> None:
    written = to_json(value)

    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == value


@pytest.mark.parametrize(
    "value", [*HOSTILE, "it's", "a'; rm -rf ~; '\n", "\\n\x1b1", "été", ""], ids=repr
)
def test_a_value_in_a_command_to_copy_is_one_whole_word(value: str) -> None:
    word = to_argument(value)
    given = value.replace("\x00", "\x01")  # no command can be given a null
    line = ["bash", "-c", f"printf %s {to_argument(given)}"]
    printed = subprocess.run(line, check=True, capture_output=True)  # noqa: S603  # as it is copied

    assert word.isprintable()
    assert printed.stdout == given.encode("utf-8", "surrogatepass")
    assert len(shlex.split(word)) == 1  # also where `$'…'` is not known


@given(st.text())
def test_no_text_ends_its_word(text: str) -> None:
    assert len(shlex.split(to_argument(text))) == 1
