"""What the README claims is shown by a test or a figure, and that one is there."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
README: Final = (ROOT / "README.md").read_text("utf-8")
TABLES: Final = ("| What goes wrong elsewhere |", "| Promise |")
LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def rows_of(heading: str) -> list[str]:
    """Return the rows below the heading of a table."""
    lines = README.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(heading)) + 2
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append(line)
    return rows


def links_of(row: str) -> list[tuple[str, str]]:
    """Return names and targets in the last cell of a row."""
    return LINK.findall(row.rstrip("| ").rpartition(" | ")[2])


def names_in(path: Path) -> set[str]:
    """Return the names of a file's functions."""
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


SHOWN: Final = [link for heading in TABLES for row in rows_of(heading) for link in links_of(row)]


@pytest.mark.parametrize("heading", TABLES)
def test_every_claim_links_to_what_shows_it(heading: str) -> None:
    rows = rows_of(heading)

    assert len(rows) >= 5
    assert [row for row in rows if not links_of(row)] == []


@pytest.mark.parametrize(("name", "link"), SHOWN)
def test_what_a_claim_links_to_is_there(name: str, link: str) -> None:
    path = ROOT / link.partition("#")[0]

    assert path.is_file(), link
    if path.suffix == ".py":
        assert name.strip("`") in names_in(path)
        assert name.startswith("`test_")
    else:
        assert "#" in link, "it names no figure"  # tests/test_docs.py looks for its heading
