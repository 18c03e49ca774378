"""Creates topics and brings their settings in line: the Kafka half of `quindex setup`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from runtime.errors import Refused
from topics.layout import TopicLayout

VISIBLE_WITHIN_MS: Final = 60_000
"""A broker that is busy, or has just started, takes its time to show new topics."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is; its id changes when it is created anew."""

    topic_id: str
    partitions: int


def describe(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, TopicState]:
    """Return what exists of *names*."""
    return {
        found["name"]: TopicState(str(found["topic_id"]), len(found["partitions"]))
        for found in admin.describe_topics(list(names))
        if found["error_code"] == 0
    }


def ensure_topics(
    admin: KafkaAdminClient,
    layouts: Sequence[TopicLayout],
    *,
    replication_factor: int,
    dry_run: bool = False,
) -> list[str]:
    """
    Create what is missing, correct settings; return what was changed, in words.

    With *dry_run* nothing is: the words are the same.

    Raises:
        Refused: a topic has another number of partitions than we can live with.
    """
    existing = describe(admin, [layout.name for layout in layouts])
    missing = [layout for layout in layouts if layout.name not in existing]
    for layout in layouts:
        _check_partitions(layout, existing.get(layout.name))
    changes = [f"created topic {x.name} ({x.partitions} partitions)" for x in missing]
    if missing and not dry_run:
        admin.create_topics(
            {
                layout.name: {
                    "num_partitions": layout.partitions,
                    "replication_factor": replication_factor,
                    "configs": dict(layout.settings),
                }
                for layout in missing
            }
        )
        admin.wait_for_topics([layout.name for layout in missing], timeout_ms=VISIBLE_WITHIN_MS)
    present = [layout for layout in layouts if layout.name in existing]
    return changes + _ensure_settings(admin, present, dry_run=dry_run)


def _check_partitions(layout: TopicLayout, state: TopicState | None) -> None:
    if state is None or state.partitions == layout.partitions:
        return
    if layout.name.endswith(".notifications") and state.partitions > layout.partitions:
        return  # an operator may add partitions: the epoch rises
    raise Refused(
        f"Topic {layout.name} has {state.partitions} partitions instead of {layout.partitions}. "
        "Keys would no longer lie where older records of theirs do. Give the installation another "
        "QUINDEX_TOPIC_PREFIX, or delete the topic and run quindex setup again."
    )


def _ensure_settings(
    admin: KafkaAdminClient, layouts: Sequence[TopicLayout], *, dry_run: bool
) -> list[str]:
    current = read_settings(admin, [layout.name for layout in layouts])
    changes: list[str] = []
    wanted: dict[str, dict[str, str]] = {}
    for layout in layouts:
        for key, value in layout.settings.items():
            if (now := current[layout.name].get(key)) != value:
                wanted.setdefault(layout.name, {})[key] = value
                changes.append(f"set {key} of topic {layout.name} to {value} (was {now})")
    if wanted and not dry_run:
        admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, name, configs=settings)
                for name, settings in wanted.items()
            ]
        )
    return changes


def read_settings(admin: KafkaAdminClient, names: Sequence[str]) -> Mapping[str, dict[str, str]]:
    """Return the settings of topics, by topic and name, defaults included."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: Mapping[str, Any] = admin.describe_configs(resources, config_filter="all")
    topics = found.get("topic") or found.get("TOPIC") or found
    return {name: _to_values(topics[name]) for name in names}


def _to_values(entries: Any) -> dict[str, str]:
    if isinstance(entries, Mapping):
        return {
            key: str(entry["value"] if isinstance(entry, Mapping) else entry)
            for key, entry in entries.items()
        }
    return {entry["name"]: str(entry["value"]) for entry in entries}
