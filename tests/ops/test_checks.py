"""What `quindex doctor` makes of what it measured."""

import pytest

from ops.checks import (
    Check,
    Grade,
    check_certificate,
    check_clock,
    check_health,
    check_packing,
    check_quota,
    check_secret,
    check_spool,
    check_topics,
    check_webhook,
    error,
    ok,
    to_worst,
    warning,
)
from topics.layout import to_layouts
from topics.names import TopicNames
from topics.silence import WebhookSilence

LAYOUTS = to_layouts(TopicNames("q"), replication_factor=3)
RIGHT = {layout.name: dict(layout.settings) for layout in LAYOUTS}
THREE = {layout.name: [(3, 3)] * layout.partitions for layout in LAYOUTS}
GIB = 1024**3


def grades(checks: list[Check]) -> list[Grade]:
    return [check.grade for check in checks]


@pytest.mark.parametrize(
    ("secret", "grade"),
    [
        ("Bearer 8f2cK9-dQw3_xZ71mPpLr40TtVvYyAa2", Grade.OK),
        ("8f2cK9dQw3xZ71mPpLr40TtVvYyAa2Bb", Grade.OK),
        ("Bearer secret", Grade.WARNING),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Grade.WARNING),
        ("changeme", Grade.WARNING),
    ],
)
def test_a_secret_is_judged_by_length_and_variety(secret: str, grade: Grade) -> None:
    check = check_secret("QUINDEX_X", secret)

    assert check is not None
    assert check.grade is grade
    assert secret not in f"{check}"


def test_a_secret_that_is_not_set_is_not_judged() -> None:
    assert check_secret("QUINDEX_X", "") is None


def test_topics_that_are_as_they_should_be() -> None:
    assert set(grades(list(check_topics(LAYOUTS, RIGHT, THREE, wanted=3)))) == {Grade.OK}


def test_a_topic_that_is_not_there_or_has_another_setting_is_an_error() -> None:
    found = {**RIGHT, "q.notifications": {**RIGHT["q.notifications"], "retention.ms": "1"}}
    del found["q.due"]
    checks = {each.name: each for each in check_topics(LAYOUTS, found, THREE, wanted=3)}

    assert checks["topic q.due"] == error("topic q.due", "is not there", "Run `quindex setup`.")
    assert checks["topic q.notifications"] == error(
        "topic q.notifications",
        "retention.ms is 1 instead of 604800000",
        "Run `quindex setup`.",
    )


def test_replicas_that_lag_or_lack_are_warnings() -> None:
    replicas = {**THREE, "q.due": [(3, 2)], "q.control": [(1, 1)]}
    checks = {each.name: each for each in check_topics(LAYOUTS, RIGHT, replicas, wanted=3)}

    assert checks["topic q.due"].found == "1 partitions lack replicas that are in sync"
    assert checks["topic q.control"].found == (
        "has 1 replicas, not the 3 of QUINDEX_REPLICATION_FACTOR"
    )


def test_a_single_broker_is_a_demonstration() -> None:
    *_, last = check_topics((), {}, {}, wanted=1)

    assert last.grade is Grade.WARNING


@pytest.mark.parametrize(
    ("difference_s", "grade"),
    [(0.2, Grade.OK), (-1.5, Grade.WARNING), (45, Grade.ERROR), (-45, Grade.ERROR)],
)
def test_clocks(difference_s: float, grade: Grade) -> None:
    assert check_clock("a clock", difference_s).grade is grade


def test_the_spool() -> None:
    fast = list(check_spool("spool", fsync_s=0.002, free_bytes=9 * GIB))
    slow = list(check_spool("spool", fsync_s=0.5, free_bytes=GIB))

    assert grades(fast) == [Grade.OK, Grade.OK]
    assert fast[0].found == "stores a call in 2.0 ms"
    assert grades(slow) == [Grade.WARNING, Grade.WARNING]


def test_the_webhook() -> None:
    assert check_webhook(900.0, 1_000.0) == ok("webhook", "Quable called 100 s ago")
    assert check_webhook(0.0, 200_000.0).grade is Grade.WARNING
    assert "quindex webhook show" in check_webhook(None, 0.0).advice


def test_a_webhook_that_announces_nothing_is_an_error() -> None:
    silence = WebhookSilence(100.0, "asset:a", 400.0, 1_900.0)
    check = check_webhook(100.0, 2_000.0, silence)

    assert check.grade is Grade.ERROR
    assert check.found == "Quable last called 32 min ago, and asset:a was changed 27 min ago"


def test_the_pim() -> None:
    assert check_packing(works=True, kind="document").grade is Grade.OK
    assert check_packing(works=False, kind="document").grade is Grade.WARNING
    assert check_quota(0.5).grade is Grade.OK
    assert check_quota(0.95).found == "95% of our share is used"


def test_certificates_and_colours() -> None:
    days = 86_400.0
    assert [check_certificate("a", left).grade for left in (60 * days, days, -1)] == [
        Grade.OK,
        Grade.WARNING,
        Grade.ERROR,
    ]
    assert [check_health(each).grade for each in ("green", "yellow", "red")] == [
        Grade.OK,
        Grade.WARNING,
        Grade.ERROR,
    ]


def test_the_worst_counts() -> None:
    assert to_worst([]) is Grade.OK
    assert to_worst([ok("a", "b"), warning("a", "b", "c")]) is Grade.WARNING
    assert to_worst([error("a", "b", "c"), warning("a", "b", "c")]) is Grade.ERROR
