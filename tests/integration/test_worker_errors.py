"""quindex worker, when something that it needs is wrong: what, why, and what to do."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.installation import Installation
from ops.setup import set_up
from ops.worker import NEEDS
from runtime.errors import OperatorError, SettingsInvalid, Unreachable
from runtime.settings import to_variable
from stack.choose import Servers
from stack.ports import HOST, free_port
from tests.integration.commands import run_command
from tests.integration.sites import to_installation

pytestmark = pytest.mark.stack

SAID_WITHIN_S = 30
WRONG = "not-this-one"


@pytest.fixture(scope="module")
def installation(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Set up, with a PIM that runs, and no worker."""
    folder = tmp_path_factory.mktemp("worker-errors")
    installation = to_installation(servers.kafka, servers.elasticsearch, folder, documents=20)
    installation.simulator.start()
    asyncio.run(set_up(installation.settings))
    installation.simulator.wait_for_log("REST API", SAID_WITHIN_S)
    yield installation
    asyncio.run(installation.stop())


def run_worker(installation: Installation, **other: str) -> tuple[int, str]:
    """Run a worker that cannot start; return its exit code and all that it says."""
    began_s = time.monotonic()
    environ = {**installation.variables, **other}
    done = run_command("worker", environ=environ, folder=installation.folder)

    assert time.monotonic() - began_s < SAID_WITHIN_S
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.returncode, done.stderr


def test_without_settings_it_lists_all_that_it_needs(tmp_path: Path) -> None:
    done = run_command("worker", environ={}, folder=tmp_path)

    assert done.returncode == SettingsInvalid.exit_code
    for name in NEEDS:
        assert f"{to_variable(name)} is not set" in done.stderr
    assert "docs/settings.md" in done.stderr
    assert len(done.stderr.splitlines()) == len(NEEDS) + 2


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("QUINDEX_KAFKA", "{host}:{port}"),
        ("QUINDEX_KAFKA", "no-such-host.invalid:9092"),
        ("QUINDEX_ELASTICSEARCH", "http://{host}:{port}"),
        ("QUINDEX_ELASTICSEARCH", "http://no-such-host.invalid:9200"),
    ],
)
def test_a_server_that_does_not_answer_is_named_with_its_setting(
    installation: Installation, setting: str, address: str
) -> None:
    told = address.format(host=HOST, port=free_port())
    code, said = run_worker(installation, **{setting: told})

    assert code == Unreachable.exit_code, said
    assert f"{told} does not answer" in said
    assert f"is {setting} right?" in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"QUINDEX_PIM_TOKEN": "jeton-très-secret"},
        {"QUINDEX_KAFKA_SECURITY_PROTOCOL": "SSL", "QUINDEX_KAFKA_CA": "no-such-file"},
        {"QUINDEX_ELASTICSEARCH": "https://localhost:9200", "QUINDEX_ELASTICSEARCH_CA": "no-file"},
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    installation: Installation, wrong: dict[str, str]
) -> None:
    code, said = run_worker(installation, **wrong)

    assert code == SettingsInvalid.exit_code
    assert [*wrong][-1].rpartition("_")[0] in said
    assert "secret" not in said


def test_a_wrong_token_is_found_at_the_start(installation: Installation) -> None:
    code, said = run_worker(installation, QUINDEX_PIM_TOKEN=WRONG)

    assert code == OperatorError.exit_code
    assert f"The PIM at {installation.simulator_url} refused the token with 401" in said
    assert "Is QUINDEX_PIM_TOKEN right" in said
    assert WRONG not in said


@pytest.mark.parametrize("missing", ["QUINDEX_TOPIC_PREFIX", "QUINDEX_INDEX_PREFIX"])
def test_without_setup_it_says_to_run_it(installation: Installation, missing: str) -> None:
    code, said = run_worker(installation, **{missing: f"{installation.prefix}-other"})

    assert code == Unreachable.exit_code
    assert "Run quindex setup first." in said


def test_a_pim_that_is_away_is_waited_for(installation: Installation) -> None:
    worker = installation.start_worker(QUINDEX_PIM_URL=f"http://{HOST}:{free_port()}")
    worker.wait_for_log("worker.started", SAID_WITHIN_S)

    assert "pim.unavailable" in worker.log.read_text()
    assert worker.stop() == 0
