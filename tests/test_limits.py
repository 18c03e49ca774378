"""The table of limits in docs/architecture.md names what is in the code."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
ROW: Final = re.compile(r"^\| [^|]+ \| (`[a-z_]+/\w+\.py`[^|]*) \|", re.MULTILINE)
NAMES: Final = re.compile(r"`([^`]+)`")


def limits() -> list[tuple[str, str]]:
    """Return file and name of every limit that the page names."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    found = []
    for cell in ROW.findall(page.partition("## Limits")[2].partition("\n## ")[0]):
        file = ""
        for word in NAMES.findall(cell):
            if word.endswith(".py"):
                file = word
            else:
                found.append((file, word))
    return found


@pytest.mark.parametrize(("file", "name"), limits())
def test_every_limit_that_is_named_is_in_the_code(file: str, name: str) -> None:
    *_, last = name.split(".")

    assert re.search(rf"^\s*{last}\b.* = ", (ROOT / file).read_text("utf-8"), re.MULTILINE)


def test_the_page_names_limits() -> None:
    assert len(limits()) > 40
