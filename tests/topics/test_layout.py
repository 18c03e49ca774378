"""What topics there are, and how they are kept."""

from topics.layout import NOTIFICATIONS_PARTITIONS, SNAPSHOTS_PARTITIONS, TopicLayout, to_layouts
from topics.names import TopicNames

NAMES = TopicNames("shop")


def layouts(replication_factor: int = 3) -> dict[str, TopicLayout]:
    found = to_layouts(NAMES, replication_factor=replication_factor)
    return {layout.name: layout for layout in found}


def test_every_topic_has_a_layout_and_the_prefix() -> None:
    assert set(layouts()) == {
        f"shop.{name}"
        for name in (
            "notifications",
            "due",
            "snapshots",
            "reference",
            "audit",
            "dead-letters",
            "quota",
            "control",
            "processes",
        )
    }
    assert NAMES.group == "shop"


def test_the_quota_and_what_is_due_have_one_owner() -> None:
    found = layouts()

    assert found[NAMES.due].partitions == found[NAMES.quota].partitions == 1
    assert found[NAMES.control].partitions == found[NAMES.reference].partitions == 1


def test_resources_are_spread_over_partitions() -> None:
    found = layouts()

    assert found[NAMES.notifications].partitions == NOTIFICATIONS_PARTITIONS == 12
    assert found[NAMES.snapshots].partitions == SNAPSHOTS_PARTITIONS == 12
    assert found[NAMES.audit].partitions == 12


def test_what_the_index_is_rebuilt_from_is_kept_for_ever() -> None:
    found = layouts()

    for name in (NAMES.snapshots, NAMES.reference, NAMES.control):
        assert found[name].settings["cleanup.policy"] == "compact"
        assert "retention.ms" not in found[name].settings


def test_notifications_are_stamped_by_the_broker_and_kept_for_a_week() -> None:
    settings = layouts()[NAMES.notifications].settings

    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert settings["retention.ms"] == str(7 * 86_400_000)
    assert settings["max.message.bytes"] == str(5 * 1024 * 1024 // 4)


def test_the_quota_remembers_more_than_its_longest_window() -> None:
    assert int(layouts()[NAMES.quota].settings["retention.ms"]) > 24 * 3_600_000


def test_two_replicas_must_have_a_record_where_there_are_three() -> None:
    def min_isr(replication_factor: int) -> set[str]:
        found = layouts(replication_factor).values()
        return {layout.settings["min.insync.replicas"] for layout in found}

    assert min_isr(3) == min_isr(5) == {"2"}
    assert min_isr(1) == min_isr(2) == {"1"}
