"""`quindex explain` on a running installation tells the right story, word for word."""

import asyncio
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from runtime.errors import Refused
from stack.choose import Servers
from tests.integration.commands import run_command
from tests.integration.sites import open_site, to_installation
from tests.integration.stories import MORE, tell_all

pytestmark = [pytest.mark.stack, pytest.mark.faults]

STORIES: Mapping[str, str] = tomllib.loads(
    Path(__file__).with_name("stories.toml").read_text("utf-8")
)


@pytest.fixture(scope="module")
def told(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What is told of each document of one installation; something else happened to each."""
    folder = tmp_path_factory.mktemp("stories")
    installation = to_installation(
        servers.kafka,
        servers.elasticsearch,
        folder,
        documents=40,
        more=MORE,
    )
    with open_site(installation, workers=0) as site:
        return tell_all(site, folder)


@pytest.mark.parametrize("story", STORIES)
def test_the_story_is_told_word_for_word(told: Mapping[str, str], story: str) -> None:
    assert told[story].splitlines() == STORIES[story].splitlines()


def test_all_stories_were_told(told: Mapping[str, str]) -> None:
    assert told.keys() == STORIES.keys()


@pytest.mark.parametrize(
    "arguments",
    [("explain", "x"), ("dead-letters", "list"), ("replay", "--since", "1h", "--dry-run")],
    ids=lambda each: each[0],
)
def test_before_setup_it_is_said_at_once_that_topics_are_missing(
    servers: Servers, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    installation = to_installation(servers.kafka, servers.elasticsearch, tmp_path)
    done = run_command(*arguments, environ=installation.variables, folder=tmp_path)
    asyncio.run(installation.stop())

    assert done.returncode == Refused.exit_code
    assert "opics are missing" in done.stderr
    assert "Run `quindex setup` first." in done.stderr
