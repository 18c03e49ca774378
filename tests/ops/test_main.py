"""The command line as a whole: what it lists, and how it ends when something is wrong."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ops.__main__ import INTERRUPTED, command, main
from ops.worker import NEEDS
from runtime.errors import (
    KafkaRefused,
    MustRestart,
    OperatorError,
    QuindexError,
    Refused,
    SettingsInvalid,
    SinkUnavailable,
    Unreachable,
)
from runtime.settings import to_variable
from stack.ports import free_port
from tests.integration.commands import PATIENCE_S, run_command, without_settings

USAGE = 2
RESTART = 70
SLOW = frozenset({"aiokafka", "elasticsearch", "faust", "httpx", "kafka", "pydantic"})
SECRET = "must-not-be-shown"  # noqa: S105  # it guards nothing


def commands_of(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """Yield every command by its words, and those of groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*before, name)
        if isinstance(found, click.Group):
            yield from commands_of(found, *before, name)


def group_of(work: Callable[[], None]) -> click.Group:
    """Return a command line whose only command, `fail`, does *work*."""
    group = click.Group()
    group.command("fail")(work)
    return group


def end(
    capsys: pytest.CaptureFixture[str], *arguments: str, group: click.Group = command
) -> tuple[int, str]:
    """Run a command that fails in this process; return its exit code and what it says."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments), group)
    said = capsys.readouterr()

    assert said.out == ""
    assert "Traceback" not in said.err
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.err


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_help_lists_every_command_and_says_what_it_does() -> None:
    result = CliRunner().invoke(command, ["--help"])
    listed = dict(
        line.strip().split(maxsplit=1)
        for line in result.output.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
        if not line.startswith("   ")
    )

    assert result.exit_code == 0
    assert sorted(listed) == command.list_commands(click.Context(command))
    assert all(listed.values())


def test_every_file_of_a_command_is_a_command() -> None:
    folder = Path(__file__).parents[2] / "ops"
    files = {
        path.stem.replace("_", "-")
        for path in folder.glob("*.py")
        if "@click.command" in (text := path.read_text("utf-8")) or "@click.group" in text
    }

    files.discard("--main--")

    assert files == set(command.list_commands(click.Context(command)))


@pytest.mark.parametrize("words", sorted(commands_of(command)), ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(command, [*words, "--help"])

    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output
    usage, _, text = result.output.partition("\n\n")
    assert usage.startswith("Usage:")
    assert text.strip(), "what does it do?"


def test_help_loads_nothing_that_takes_long() -> None:
    names = command.list_commands(click.Context(command))
    code = (
        "import sys; from click.testing import CliRunner; from ops.__main__ import command\n"
        f"for name in {names}: CliRunner().invoke(command, [name, '--help'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", code],
        env=without_settings(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert "click" in done.stdout.split()
    assert SLOW.isdisjoint(done.stdout.split())


def test_it_knows_its_version() -> None:
    result = CliRunner().invoke(command, ["--version"], prog_name="quindex")

    assert result.exit_code == 0
    assert result.output.startswith("quindex ")


@pytest.mark.parametrize("arguments", [["no-such-command"], ["setup", "--no-such-option"]])
def test_wrong_usage_ends_with_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = end(capsys, *arguments)

    assert code == USAGE
    assert "No such" in said


def test_settings_that_are_missing_wrong_or_misspelt_are_all_listed(tmp_path: Path) -> None:
    environ = {
        "QUINDEX_PIM_URL": "acme.quable.com",
        "QUINDEX_QUIET_S": "soon",
        "QUINDEX_ELASTICSEARCH_API_KAY": SECRET,
    }
    done = run_command("worker", environ=environ, folder=tmp_path)

    assert done.returncode == SettingsInvalid.exit_code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr
    for name in set(NEEDS) - {"pim_url"}:
        assert f"{to_variable(name)} is not set" in done.stderr
    assert "QUINDEX_PIM_URL: is not an address" in done.stderr
    assert "QUINDEX_QUIET_S: " in done.stderr
    assert "did you mean QUINDEX_ELASTICSEARCH_API_KEY?" in done.stderr


def test_a_file_env_counts_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QUINDEX_KAFKA=kafka:9092\nQUINDEX_QUIET_S=soon\n")
    done = run_command("worker", environ={"QUINDEX_QUIET_S": "2"}, folder=tmp_path)

    assert "QUINDEX_KAFKA" not in done.stderr
    assert "QUINDEX_QUIET_S" not in done.stderr
    assert "QUINDEX_PIM_URL is not set" in done.stderr


def test_what_does_not_answer_ends_with_code_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["stack", "status", "--folder", str(tmp_path)])

    assert ended.value.code == Unreachable.exit_code
    said = capsys.readouterr()
    assert said.err.startswith("quindex: ")
    assert "quindex stack up" in said.err
    assert "Traceback" not in said.err


def test_what_would_do_harm_is_refused_with_code_5(
    taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = end(capsys, "simulator", "--documents", "0", "--port", str(taken_port))

    assert code == Refused.exit_code
    assert f"127.0.0.1:{taken_port}" in said
    assert "--port" in said


def test_another_error_that_a_person_can_mend_ends_with_code_1(
    tmp_path: Path, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("stack", "up", "--folder", str(tmp_path), "--elasticsearch-port", "0"),
                *("--kafka-port", str(taken_port)),
            ]
        )

    assert ended.value.code == OperatorError.exit_code
    said = capsys.readouterr().err
    assert f"{taken_port}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OperatorError("mend it"), 1),
        (SettingsInvalid("mend it"), 3),
        (Unreachable("mend it"), 4),
        (Refused("mend it"), 5),
        (SinkUnavailable("mend it"), 4),
        (KafkaRefused("mend it"), 1),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_error_of_ours_is_one_line_and_a_code(
    error: QuindexError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    assert end(capsys, "fail", group=group_of(fail)) == (code, "quindex: mend it\n")


def test_a_bug_is_not_hidden() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main(["fail"], group_of(fail))


def test_a_worker_that_must_restart_has_a_code_of_its_own() -> None:
    assert MustRestart.exit_code == RESTART


def test_ctrl_c_ends_with_code_130_and_without_a_traceback(tmp_path: Path) -> None:
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))
        broker.listen()
        broker.settimeout(PATIENCE_S)
        kafka = f"127.0.0.1:{broker.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-m", "ops", "trigger", "a"],
            env={**without_settings(), "QUINDEX_KAFKA": kafka},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                with broker.accept()[0]:  # it waits for an answer that never comes
                    process.send_signal(signal.SIGINT)
                    out, err = process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()

    assert process.returncode == INTERRUPTED
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    ["setup", "scans list", "replay --since 1h", "search a"],
)
def test_servers_that_are_not_there_are_one_line_and_code_4(words: str, tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    environ = {
        "QUINDEX_KAFKA": nowhere,
        "QUINDEX_ELASTICSEARCH": f"http://{nowhere}",
        "QUINDEX_LOCALES": "fr_FR",
        "QUINDEX_PIM_URL": f"http://{nowhere}",
        "QUINDEX_PIM_TOKEN": SECRET,
    }
    done = run_command(*words.split(), environ=environ, folder=tmp_path)

    assert (done.returncode, done.stdout) == (Unreachable.exit_code, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert nowhere in done.stderr.replace("', ", ":")
