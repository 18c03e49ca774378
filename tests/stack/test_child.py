"""Commands of ours as child processes: what they have of the process that starts them."""

import os
import sys
from contextlib import chdir
from pathlib import Path

import pytest

from stack.child import ROOT, Child, to_environment

TELL = "import os, ops; print(os.getcwd(), ops.__file__, *sorted(os.environ))"
ENDS_WITHIN_S = 30


def run(folder: Path, *arguments: str) -> str:
    child = Child(
        "child",
        [sys.executable, *arguments],
        environment=to_environment(os.environ),
        log=folder / "child.log",
    )
    child.start()
    child.wait(ENDS_WITHIN_S)
    return child.log.read_text()


def test_a_child_runs_in_its_own_folder_with_our_code(tmp_path: Path) -> None:
    folder, file, *_ = run(tmp_path, "-c", TELL).split()

    assert folder == str(tmp_path)
    assert file == str(ROOT / "ops" / "__init__.py")


def test_a_file_of_settings_where_its_parent_runs_is_none_of_a_child(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QUINDEX_KAFFKA=misspelt")
    with chdir(tmp_path):
        said = run(tmp_path / "child", "-m", "ops", "ingress")

    assert "QUINDEX_KAFKA is not set" in said
    assert "KAFFKA" not in said


def test_a_log_by_a_relative_path_is_where_its_parent_meant_it(tmp_path: Path) -> None:
    with chdir(tmp_path):
        said = run(Path("child"), "-c", TELL)

    assert said.startswith(str(tmp_path / "child"))


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "all_proxy", "NO_PROXY"])
def test_children_know_neither_settings_nor_proxies(name: str) -> None:
    given = {name: "http://proxy.example:3128", "QUINDEX_LOG_LEVEL": "debug", "TMPDIR": "tmp"}

    assert to_environment(given) == {"TMPDIR": "tmp", "PYTHONPATH": str(ROOT)}


def test_what_else_is_on_the_path_of_python_stays_there() -> None:
    path = to_environment({"PYTHONPATH": "/opt/more"})["PYTHONPATH"]

    assert path.split(os.pathsep) == [str(ROOT), "/opt/more"]
