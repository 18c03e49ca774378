"""What a story says to do next can be copied into a shell, whatever the code is."""

import shlex
from dataclasses import replace

import pytest

from ops.life import Life
from ops.story import tell
from pim.kinds import Kind
from tests.ops.test_pages_templates import render_life, to_text
from tests.ops.test_story import LIFE

CODES = ("it's", "'; rm -rf ~; '", "$(reboot)", "a b", "x" * 10_000)


def to_command(life: Life) -> str:
    command = tell(life).command
    assert command is not None
    return command


@pytest.mark.parametrize("code", CODES, ids=range(len(CODES)))
def test_a_code_is_one_whole_word_of_the_command(code: str) -> None:
    life = replace(LIFE, code=code)
    words = shlex.split(to_command(life))

    assert words == ["quindex", "explain", code, "--kind", "document", "--ask-pim"]
    assert shlex.split(to_command(replace(life, in_pim=True))) == ["quindex", "trigger", code]


def test_a_code_that_looks_like_an_option_is_none() -> None:
    life = replace(LIFE, code="--dry-run", kind=Kind.ASSET)

    assert to_command(life) == "quindex explain --kind asset --ask-pim -- --dry-run"
    assert to_command(replace(life, in_pim=True)) == "quindex trigger --kind asset -- --dry-run"


def test_the_page_shows_the_whole_command() -> None:
    life = replace(LIFE, code="x" * 10_000)

    assert to_command(life) in to_text(render_life(life))
