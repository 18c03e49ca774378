"""`quindex explain` tells the right story, word for word."""

from dataclasses import replace

import pytest

from ops.letter import LetterState
from ops.life import Announced, Due, Fetched, Indexed, Life, Waits, to_shown
from ops.story import Story, tell, to_due_s
from pim.kinds import Kind
from tests.ops.hostile import HOSTILE
from tests.ops.letters import letter
from topics.versions import to_version

NOW_S = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC
WAITS = Waits(0.2, 2.0, 15.0, 10.0, 120.0)
LIFE = Life(
    now_s=NOW_S, kind=Kind.DOCUMENT, code="blue-pant", locales=["fr_FR", "fr_BE"], waits=WAITS
)


def announced(offset: int, ago_s: float, **more: object) -> Announced:
    given = {"event": "document.update", "source": "webhook", "updated": ("fr_FR",), **more}
    return Announced(7, offset, NOW_S - ago_s, uuid=f"u{offset}", **given)  # type: ignore[arg-type]  # fields of Announced


def due(offset: int, ago_s: float, newest: int, count: int = 1, **more: object) -> Due:
    given = {"lane": "live", "early": count == 1, "partition": 7, "newest_s": NOW_S - ago_s, **more}
    return Due(offset, NOW_S - ago_s, newest=newest, notifications=count, **given)  # type: ignore[arg-type]  # fields of Due


def fetched(offset: int, ago_s: float, end: int, *uuids: str, deleted: bool = False) -> Fetched:
    at_s, count = NOW_S - ago_s, max(1, len(uuids))
    return Fetched(3, offset, to_version(1, end), deleted, at_s, at_s - 1, "live", count, 7, uuids)


def indexed(locale: str, ago_s: float, end: int, *inherited: str, deleted: bool = False) -> Indexed:
    at_s = NOW_S - ago_s
    return Indexed(locale, to_version(1, end), deleted, at_s - 1.2, at_s - 1, at_s, 7, inherited)


def in_both(ago_s: float, end: int, *, deleted: bool = False) -> list[Indexed]:
    return [indexed(locale, ago_s, end, deleted=deleted) for locale in LIFE.locales]


FRESH = replace(
    LIFE,
    announced=[announced(41, 60.5)],
    due=[due(9, 60.2, 41)],
    fetched=[fetched(5, 60, 42, "u41")],
    indexed=in_both(59, 42),
    fetch_next=10,
    index_next=6,
)


def test_a_fresh_document() -> None:
    assert tell(FRESH) == Story(
        "document:blue-pant is up to date: what the PIM held at 11:05:40 UTC is searchable in "
        "fr_FR, fr_BE.",
        None,
        (
            (
                "11:05:39  announced  document.update by webhook, changed in fr_FR, answered by "
                "version 1.42  [notifications 7/41]"
            ),
            "11:05:39  due        lane live, early, for 1 notification  [due 0/9]",
            (
                "11:05:40  fetched    everything the PIM holds, version 1.42, for 1 notification"
                "  [snapshots 3/5]"
            ),
            "11:05:41  indexed    fr_FR: version 1.42, 1.2 s after it was announced",
            "11:05:41  indexed    fr_BE: version 1.42, 1.2 s after it was announced",
        ),
    )


def test_five_notifications_coalesced_into_one_fetch() -> None:
    uuids = tuple(f"u{offset}" for offset in range(40, 45))
    life = replace(
        FRESH,
        announced=[announced(offset, 64 - offset / 10) for offset in range(40, 45)],
        due=[due(9, 57, 44, 5)],
        fetched=[fetched(5, 56, 46, *uuids)],
        indexed=in_both(55, 46),
    )
    story = tell(life)

    assert story.headline.startswith("document:blue-pant is up to date")
    assert story.command is None
    assert [line[10:] for line in story.lines[:5]] == [
        f"announced  document.update by webhook, changed in fr_FR, answered by version 1.46  "
        f"[notifications 7/{offset}]"
        for offset in range(40, 45)
    ]
    assert story.lines[5:7] == (
        "11:05:43  due        lane live, 5 notifications coalesced into one fetch  [due 0/9]",
        (
            "11:05:44  fetched    everything the PIM holds, version 1.46, 5 notifications coalesced "
            "into one fetch  [snapshots 3/5]"
        ),
    )


def test_a_fetch_of_a_scan_answers_no_notification() -> None:
    life = replace(
        FRESH, announced=[], due=[], fetched=[replace(fetched(5, 60, 42), notifications=0)]
    )

    assert tell(life).lines == (
        "11:05:40  fetched    everything the PIM holds, version 1.42, read by a scan  [snapshots 3/5]",
        "11:05:41  indexed    fr_FR: version 1.42, 1.2 s after a scan had read it",
        "11:05:41  indexed    fr_BE: version 1.42, 1.2 s after a scan had read it",
    )


def test_waiting_for_its_quiet_time() -> None:
    life = replace(FRESH, announced=[announced(51, 1.5), announced(52, 0.5)])
    story = tell(life)

    assert story.headline == "document:blue-pant waits for its quiet time until 11:06:41 UTC."
    assert story.command is None
    assert story.lines[-1] == (
        "11:06:39  announced  document.update by webhook, changed in fr_FR, waits until "
        "11:06:41 UTC  [notifications 7/52]"
    )


@pytest.mark.parametrize(
    ("pending", "due_in_s"),
    [
        ([announced(51, 0.0)], 0.2),  # a lone edit
        ([announced(51, 1.0), announced(52, 0.0)], 2.0),
        ([announced(51, 14.0), announced(52, 0.0)], 1.0),  # at most the maximum delay
        ([announced(51, 0.0, in_process=True)], 10.0),
        ([announced(51, 119.0, in_process=True), announced(52, 0.0, in_process=True)], 1.0),
        ([announced(51, 0.0, not_before_s=NOW_S + 30)], 30.0),
    ],
)
def test_until_when_it_waits(pending: list[Announced], due_in_s: float) -> None:
    assert to_due_s(replace(LIFE, announced=pending)) == pytest.approx(NOW_S + due_in_s)


def test_after_an_edit_just_now_even_a_lone_one_waits_for_its_quiet_time() -> None:
    life = replace(LIFE, announced=[announced(51, 0.0)], due=[due(9, 3.0, 50)])

    assert to_due_s(life) == NOW_S + 2.0


WAITING = replace(FRESH, announced=[announced(51, 42.5)], due=[due(12, 42, 51)])


def test_waiting_for_the_quota() -> None:
    life = replace(WAITING, waits_for={"fetch": "the PIM's quota (lane live)"})
    story = tell(life)

    assert story.headline == (
        "document:blue-pant waits to be fetched for 42 s: the stage waits for the PIM's quota "
        "(lane live)."
    )
    assert story.command == "quindex status"


@pytest.mark.parametrize(
    ("changes", "reason", "command"),
    [
        ({}, ".", "quindex status"),
        ({"workers": 0}, ": no worker is running.", "quindex worker"),
        (
            {"stopped": ["fetch"]},
            ": the stage fetch has stopped, since too many records died.",
            "quindex dead-letters list --stage fetch",
        ),
    ],
)
def test_waiting_for_something_else(changes: dict[str, object], reason: str, command: str) -> None:
    story = tell(replace(WAITING, **changes))  # type: ignore[arg-type]  # fields of Life

    assert story.headline == f"document:blue-pant waits to be fetched for 42 s{reason}"
    assert story.command == command


def test_debounce_that_is_behind() -> None:
    story = tell(replace(LIFE, announced=[announced(51, 60)], workers=0))

    assert story.headline == (
        "document:blue-pant should have left its quiet time 60 s ago: no worker is running."
    )


def test_waiting_to_be_written() -> None:
    life = replace(
        FRESH,
        fetched=[fetched(7, 20, 52, "u51")],
        announced=[announced(51, 21)],
        waits_for={"index": "elasticsearch: cluster blocked"},
    )

    assert tell(life).headline == (
        "document:blue-pant was fetched at 11:06:20 UTC and waits to be written: the stage waits "
        "for elasticsearch: cluster blocked."
    )


def test_inherited_into_another_locale() -> None:
    life = replace(
        FRESH,
        announced=[announced(41, 60.5, inherited=("fr_BE",))],
        indexed=[indexed("fr_FR", 59, 42), indexed("fr_BE", 59, 42, "name", "color")],
    )
    lines = tell(life).lines

    assert lines[0] == (
        "11:05:39  announced  document.update by webhook, changed in fr_FR, inherited by fr_BE, "
        "answered by version 1.42  [notifications 7/41]"
    )
    assert lines[-1] == (
        "11:05:41  indexed    fr_BE: version 1.42, 1.2 s after it was announced; from another "
        "locale: name, color"
    )


def test_a_stale_write_rejected() -> None:
    life = replace(FRESH, fetched=[fetched(5, 60, 42, "u41"), fetched(6, 30, 40)], index_next=7)
    story = tell(life)

    assert story.headline == (
        "document:blue-pant is up to date: what the PIM held at 11:05:40 UTC is searchable in "
        "fr_FR, fr_BE. A fetch that came late was rejected, as it should be."
    )
    assert (
        "11:06:10  fetched    everything the PIM holds, version 1.40, for 1 notification, stale: "
        "a newer version was there  [snapshots 3/6]"
    ) in story.lines


def test_dead_lettered_by_mapping() -> None:
    life = replace(
        FRESH, letters=[letter(offset=3, at_s=NOW_S - 30, error="failed to parse field [price]")]
    )
    story = tell(life)

    assert story.headline == (
        "document:blue-pant was set aside by the stage index at 11:06:10 UTC: "
        "mapper_parsing_exception."
    )
    assert story.command == "quindex dead-letters show 0/3"
    assert story.lines[-1] == (
        "11:06:10  set aside  by index: mapper_parsing_exception: failed to parse field [price] "
        "(open)  [dead-letters 0/3]"
    )


def test_a_letter_that_was_overtaken_or_is_being_made_good_is_no_reason() -> None:
    overtaken = replace(letter(at_s=NOW_S - 90), state=LetterState.OVERTAKEN)
    again = replace(FRESH, letters=[letter(at_s=NOW_S - 30)], announced=[announced(51, 0.5)])

    assert tell(replace(FRESH, letters=[overtaken])).headline.startswith(
        "document:blue-pant is up to date"
    )
    assert "waits for its quiet time" in tell(again).headline


def test_deleted() -> None:
    life = replace(
        FRESH,
        announced=[announced(41, 60.5, event="document.delete", updated=())],
        fetched=[fetched(5, 60, 42, "u41", deleted=True)],
        indexed=in_both(59, 42, deleted=True),
    )
    story = tell(life)

    assert story.headline == (
        "document:blue-pant is deleted: the PIM did not have it any more at 11:05:40 UTC."
    )
    assert story.lines[2:4] == (
        (
            "11:05:40  fetched    the PIM does not have it, version 1.42, for 1 notification"
            "  [snapshots 3/5]"
        ),
        "11:05:41  indexed    fr_FR: tombstone of version 1.42, 1.2 s after it was announced",
    )


def test_never_announced() -> None:
    assert tell(replace(LIFE, in_pim=True)) == Story(
        "document:blue-pant was never announced: the PIM has it, the index does not, and the log "
        "of 7 days holds no notification of it.",
        "quindex trigger blue-pant",
        (),
    )


def test_never_announced_and_the_pim_not_asked() -> None:
    story = tell(replace(LIFE, kind=Kind.ASSET))

    assert story.headline == (
        "asset:blue-pant was never announced, and the index does not have it; the PIM was not "
        "asked."
    )
    assert story.command == "quindex explain blue-pant --kind asset --ask-pim"


def test_unknown_to_the_pim() -> None:
    assert tell(replace(LIFE, in_pim=False)) == Story(
        "document:blue-pant is unknown: neither the PIM nor the index has it.", None, ()
    )


def test_announced_and_unknown_to_the_pim() -> None:
    life = replace(LIFE, in_pim=False, announced=[announced(1, 90)], due=[due(1, 89, 1)])

    assert tell(replace(life, fetch_next=5)).headline == (
        "document:blue-pant was announced, but the PIM does not have it."
    )


def test_announced_and_lost_from_sight() -> None:
    life = replace(LIFE, announced=[announced(1, 90)], due=[due(1, 89, 1)], fetch_next=5)
    story = tell(replace(life, kind=Kind.VARIANT))

    assert story.headline == (
        "variant:blue-pant was announced, and is neither in the index nor in any queue."
    )
    assert story.command == "quindex trigger --kind variant blue-pant"


def test_parked_behind_the_delete_brake() -> None:
    life = replace(
        FRESH,
        parked_s=NOW_S - 100,
        letters=[letter(stage="fetch", reason="delete_braked", at_s=NOW_S - 100)],
    )
    story = tell(life)

    assert story.headline == (
        "The delete of document:blue-pant is parked since 11:05:00 UTC: the PIM does not have "
        "it, nobody announced that, and too many others went the same way."
    )
    assert story.command == "quindex deletes show"


def test_missing_in_one_locale() -> None:
    story = tell(replace(FRESH, indexed=[indexed("fr_FR", 59, 42)], fetched=[]))

    assert story.headline == "document:blue-pant is missing in fr_BE, and in no queue."
    assert story.command == "quindex trigger blue-pant"


def test_a_due_record_that_died_is_not_pending() -> None:
    dead = letter(stage="fetch", topic="q.due", at_s=NOW_S - 41)
    life = replace(WAITING, letters=[replace(dead, source="q.due 0/12")])

    assert life.pending_due == []
    died = letter(stage="debounce", at_s=NOW_S)
    malformed = replace(died, source="q.notifications 7/51")
    assert replace(LIFE, announced=[announced(51, 1)], letters=[malformed]).pending == []


def test_what_was_not_read_whole_is_said() -> None:
    assert tell(replace(FRESH, partial=["snapshots"])).lines[-1] == (
        "(not all of snapshots was read)"
    )


def test_many_inherited_values_are_cut() -> None:
    names = [f"a{number}" for number in range(9)]
    life = replace(FRESH, indexed=[indexed("fr_BE", 59, 42, *names)])

    assert tell(life).lines[-1].endswith("from another locale: a0, a1, a2, a3, a4, …")


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_codes_and_values_are_text(value: str) -> None:
    bad = replace(letter(reason=value, error=value, stage=value), at_s=NOW_S)
    life = replace(
        FRESH,
        code=value,
        announced=[announced(51, 1, event=value, source=value, updated=(value,))],
        indexed=[indexed(value, 1, 42, value)],
        letters=[bad],
        waits_for={"fetch": value},
    )
    for story in (tell(life), tell(replace(LIFE, code=value)), tell(replace(life, letters=[]))):
        assert all(
            line.isprintable() for line in (story.headline, story.command or "", *story.lines)
        )


def test_a_version_is_shown_as_epoch_and_offset() -> None:
    assert to_shown(to_version(2, 7)) == "2.7"
