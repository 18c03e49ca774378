"""Settings of Elasticsearch that no client can be made of: whoever connects says so, and how it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ops.collector import Collector
from ops.connections import elasticsearch_client
from ops.pages.desk import Desk
from runtime.errors import SettingsInvalid
from runtime.settings import Settings
from sinks.elasticsearch import connect
from tests.integration.commands import run_command

ADDRESS = "https://localhost:9"
SAID = "cannot be connected to as QUINDEX_ELASTICSEARCH_"
NO_FILE = Settings(elasticsearch=ADDRESS, elasticsearch_ca="no-such-file", locales=("fr_FR",))


async def open_client(settings: Settings) -> None:
    async with elasticsearch_client(settings):
        pass


CONNECTING: list[Callable[[Settings], Awaitable[object]]] = [
    open_client,
    lambda settings: Collector(settings).collect(),
    lambda settings: Desk(settings).suggest("a"),
]


@pytest.mark.parametrize("work", CONNECTING, ids=["command", "collector", "console"])
def test_whoever_connects_says_which_settings_are_wrong(
    work: Callable[[Settings], Awaitable[object]],
) -> None:
    async def connecting() -> None:
        await work(NO_FILE)

    with pytest.raises(SettingsInvalid, match=SAID):
        asyncio.run(connecting())


def test_a_file_without_certificates_and_a_port_that_cannot_be_are_settings_too(
    tmp_path: Path,
) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")
    for wrong in (
        Settings(elasticsearch=ADDRESS, elasticsearch_ca=str(empty)),
        Settings(elasticsearch="https://localhost:99999"),
    ):
        with pytest.raises(SettingsInvalid, match=SAID):
            connect(wrong)


@pytest.mark.parametrize("words", [("search", "a"), ("status",)], ids=" ".join)
def test_a_command_ends_with_code_3_and_no_traceback(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    environ = {
        "QUINDEX_KAFKA": "127.0.0.1:9",
        "QUINDEX_ELASTICSEARCH": ADDRESS,
        "QUINDEX_ELASTICSEARCH_CA": "no-such-file",
        "QUINDEX_LOCALES": "fr_FR",
    }
    done = run_command(*words, environ=environ, folder=tmp_path)

    assert done.returncode == SettingsInvalid.exit_code
    assert SAID in done.stderr
    assert "Traceback" not in done.stderr
