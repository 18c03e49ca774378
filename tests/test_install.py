"""scripts/install mends what a run that was interrupted has left."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

PYTHON: Final = """\
#!/bin/sh
echo "$0 $*" >>"$CALLS"
case "$*" in
  *venv*.venv) mkdir -p .venv/bin && cp "$0" .venv/bin/python && touch .venv/pip ;;
  "-m pip"*) [ -e .venv/pip ] ;;
esac
"""
"""Stands in for Python: makes an environment that has pip, and writes down what it is asked for."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script and what it reads, and a Python of its own beside it."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "install", folder / "scripts")
    (folder / "requirements-dev.txt").touch()
    (folder / "pyproject.toml").touch()
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return folder


def install(checkout: Path) -> list[str]:
    """Run it; return what Python was asked for to make or fill the environment."""
    calls = checkout.parent / "calls"
    calls.write_text("")
    environment = {**os.environ, "PYTHON": str(checkout.parent / "python"), "CALLS": str(calls)}
    subprocess.run([checkout / "scripts" / "install"], env=environment, check=True)  # noqa: S603  # ours
    asked = [line.partition(" -m ")[2] for line in calls.read_text().splitlines()]
    return [words for words in asked if words.startswith(("venv", "pip install"))]


def test_an_environment_is_made_and_filled_once(checkout: Path) -> None:
    first = install(checkout)

    assert [words.split()[0] for words in first] == ["venv", "pip", "pip"]
    assert install(checkout) == []


def test_one_that_was_interrupted_before_it_had_pip_is_made_anew(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(checkout.parent / "python", checkout / ".venv" / "bin" / "python")

    assert install(checkout)[0] == "venv --clear .venv"


def test_one_that_was_interrupted_while_it_was_filled_is_filled(checkout: Path) -> None:
    install(checkout)
    (checkout / ".venv" / ".installed").unlink()

    assert [words.split()[0] for words in install(checkout)] == ["pip", "pip"]
