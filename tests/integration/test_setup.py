"""quindex setup, on real servers."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.structs import TopicPartition

from ops.connections import kafka_admin
from ops.installation import Installation
from runtime.errors import Refused
from stack.choose import Servers
from tests.integration.commands import run_command
from tests.integration.sites import to_installation
from topics.creation import describe
from topics.layout import to_layouts

pytestmark = pytest.mark.stack

NOTHING_TO_CHANGE = "nothing to change: everything is set up"


@pytest.fixture
def installation(servers: Servers, tmp_path: Path) -> Iterator[Installation]:
    """One that is never started: its names and settings are what counts."""
    installation = to_installation(servers.kafka, servers.elasticsearch, tmp_path)
    yield installation
    asyncio.run(installation.stop())


def set_up(installation: Installation, *arguments: str) -> tuple[int, str, str]:
    done = run_command(
        "setup", *arguments, environ=installation.variables, folder=installation.folder
    )
    return done.returncode, done.stdout, done.stderr


def names(installation: Installation) -> list[str]:
    return [it.name for it in to_layouts(installation.topics, replication_factor=1)]


def look(installation: Installation) -> dict[str, Any]:
    """Return all that setup could have changed."""
    topics = names(installation)
    control = TopicPartition(installation.topics.control, 0)
    with kafka_admin(installation.settings) as admin:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        kafka = {
            "topics": describe(admin, topics),
            "configs": admin.describe_configs(resources, config_filter="all"),
            "control": admin.list_partition_offsets({control: OffsetSpec.LATEST}),
        }

    async def ask() -> dict[str, Any]:
        async with installation.client() as client:
            control = f"control-{installation.prefix}"
            await client.indices.refresh(index=control)
            found = await client.indices.get(index=f"{installation.prefix}-*,{control}")
            stored = await client.search(index=control, version=True)
            return {"indices": found.body, "stored": stored["hits"]["hits"]}

    return {**kafka, **asyncio.run(ask())}


def test_all_that_setup_says_on_stdout_is_its_result(installation: Installation) -> None:
    code, said, logged = set_up(installation, "--json")

    assert code == 0
    assert json.loads(said)["changes"]
    assert logged == ""


def test_setup_changes_nothing_the_second_time_and_says_so(installation: Installation) -> None:
    first = set_up(installation)
    before = look(installation)
    second = set_up(installation)
    third = set_up(installation, "--json")

    assert first[0] == 0, first
    assert all(name in first[1] for name in names(installation))
    assert f"{installation.prefix}-fr_be" in first[1]
    assert second == (0, f"{NOTHING_TO_CHANGE}\n", "")
    assert (third[0], json.loads(third[1])) == (0, {"changes": [], "dry_run": False})
    assert look(installation) == before


def test_a_dry_run_says_what_setup_would_change_and_changes_nothing(
    installation: Installation,
) -> None:
    code, told, _ = set_up(installation, "--dry-run")
    with kafka_admin(installation.settings) as admin:
        assert describe(admin, names(installation)) == {}
    done = set_up(installation)[1].splitlines()

    assert code == 0
    said = told.splitlines()
    assert said[:-1] == [f"would have {line}" for line in done if "epoch" not in line]
    assert said[-1].startswith("would have stored a new epoch")
    assert set_up(installation, "--dry-run")[1] == f"{NOTHING_TO_CHANGE}\n"


def test_setup_corrects_a_setting_of_a_topic_and_nothing_else(installation: Installation) -> None:
    assert set_up(installation)[0] == 0
    before = look(installation)
    topic = installation.topics.due
    with kafka_admin(installation.settings) as admin:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, configs={"cleanup.policy": "delete"})]
        )
    code, told, _ = set_up(installation)

    assert code == 0
    assert told == f"set cleanup.policy of topic {topic} to compact,delete (was delete)\n"
    assert look(installation) == before


def test_setup_refuses_snapshots_of_another_number_of_partitions(
    installation: Installation,
) -> None:
    snapshots = installation.topics.snapshots
    with kafka_admin(installation.settings) as admin:
        admin.create_topics({snapshots: {"num_partitions": 3, "replication_factor": 1}})
    code, told, talk = set_up(installation)

    assert (code, told) == (Refused.exit_code, "")
    assert f"{snapshots} has 3 partitions instead of 12" in talk
    assert "QUINDEX_TOPIC_PREFIX" in talk
    assert "Traceback" not in talk
    with kafka_admin(installation.settings) as admin:
        assert list(describe(admin, names(installation))) == [snapshots]
