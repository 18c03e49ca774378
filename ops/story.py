"""
Tells the life of a resource: why it is, or is not, up to date, and what can be done.

The first sentence answers the question; the rest is what happened, in order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ops.letter import Letter, LetterState
from ops.life import Announced, Due, Fetched, Indexed, Life, to_shown
from ops.spoken import to_clock, to_count, to_span
from ops.terminal import show, to_argument

_LATE_S: Final = 10.0
"""Debounce passes on within a tenth of a second; what is later has another reason."""
_INHERITED_MAX: Final = 5
SHOWN_MAX: Final = 50
"""Notifications, due records and fetches that are told one by one; the oldest are left out."""


@dataclass(frozen=True, slots=True)
class Story:
    """*headline* is one sentence; *command* is what helps, if anything is to be done."""

    headline: str
    command: str | None
    lines: tuple[str, ...]


def tell(life: Life) -> Story:
    """Return the story of a resource."""
    headline, command = _to_headline(life)
    return Story(headline, command, tuple(_to_lines(life)))


def to_due_s(life: Life) -> float:
    """Return until when what is pending waits in debounce, unix seconds, as far as can be known."""
    pending, waits = life.pending, life.waits
    first, newest = pending[0], pending[-1]
    held_s = max((each.not_before_s or 0.0 for each in pending), default=0.0)
    if all(each.in_process for each in pending):
        due_s = min(newest.at_s + waits.process_quiet_s, first.at_s + waits.process_delay_max_s)
    elif len(pending) == 1 and _was_idle(life, first.at_s):
        due_s = first.at_s + waits.lead_s
    else:
        due_s = min(newest.at_s + waits.quiet_s, first.at_s + waits.delay_max_s)
    return max(due_s, held_s)


def _was_idle(life: Life, at_s: float) -> bool:
    earlier_s = [each.at_s for each in life.due] + [each.at_s for each in life.fetched]
    return not any(at_s - life.waits.delay_max_s <= each_s <= at_s for each_s in earlier_s)


# --- the headline ---


def _to_headline(life: Life) -> tuple[str, str | None]:
    name = show(life.key)
    letter = _find_letter(life)
    if life.parked_s is not None:
        return (
            (
                f"The delete of {name} is parked since {_at(life, life.parked_s)}: the PIM does not "
                "have it, nobody announced that, and too many others went the same way."
            ),
            "quindex deletes show",
        )
    if letter is not None:
        return (
            (
                f"{name} was set aside by the stage {show(letter.stage)} at "
                f"{_at(life, letter.at_s)}: {show(letter.reason)}."
            ),
            f"quindex dead-letters show {letter.id}",
        )
    return _to_pending(life, name) or _to_settled(life, name)


def _to_pending(life: Life, name: str) -> tuple[str, str | None] | None:
    if life.pending:
        due_s = to_due_s(life)
        if due_s > life.now_s - _LATE_S:
            return f"{name} waits for its quiet time until {_at(life, due_s)}.", None
        late = to_span(life.now_s - due_s)
        return _to_stuck(life, "debounce", f"{name} should have left its quiet time {late} ago")
    if life.pending_due:
        since_s = life.pending_due[0].at_s
        return _to_stuck(
            life, "fetch", f"{name} waits to be fetched for {to_span(life.now_s - since_s)}"
        )
    if life.pending_fetched:
        newest = life.pending_fetched[-1]
        return _to_stuck(
            life,
            "index",
            f"{name} was fetched at {_at(life, newest.at_s)} and waits to be written",
        )
    return None


def _to_stuck(life: Life, stage: str, said: str) -> tuple[str, str | None]:
    if stage in life.stopped:
        return (
            f"{said}: the stage {stage} has stopped, since too many records died.",
            f"quindex dead-letters list --stage {stage}",
        )
    if (reason := life.waits_for.get(stage)) is not None:
        return f"{said}: the stage waits for {show(reason)}.", "quindex status"
    if life.workers == 0:
        return f"{said}: no worker is running.", "quindex worker"
    return f"{said}.", "quindex status"


def _to_settled(life: Life, name: str) -> tuple[str, str | None]:
    if not life.indexed:
        return _to_absent(life, name)
    if all(each.deleted for each in life.indexed):
        when = _at(life, max(each.fetched_s for each in life.indexed))
        return f"{name} is deleted: the PIM did not have it any more at {when}.", None
    there = {each.locale for each in life.indexed if not each.deleted}
    if lacking := [locale for locale in life.locales if locale not in there]:
        return (
            f"{name} is missing in {', '.join(map(show, lacking))}, and in no queue.",
            _to_trigger(life),
        )
    fetched_s = min(each.fetched_s for each in life.indexed)
    said = f"{name} is up to date: what the PIM held at {_at(life, fetched_s)} is searchable"
    where = ", ".join(map(show, life.locales))
    stale = " A fetch that came late was rejected, as it should be." if life.stale else ""
    return f"{said} in {where}.{stale}", None


def _to_absent(life: Life, name: str) -> tuple[str, str | None]:
    if life.announced:
        if life.in_pim is False:
            return f"{name} was announced, but the PIM does not have it.", None
        return f"{name} was announced, and is neither in the index nor in any queue.", _to_trigger(
            life
        )
    if life.in_pim is False:
        return f"{name} is unknown: neither the PIM nor the index has it.", None
    if life.in_pim:
        return (
            (
                f"{name} was never announced: the PIM has it, the index does not, and the log of 7 "
                "days holds no notification of it."
            ),
            _to_trigger(life),
        )
    return (
        f"{name} was never announced, and the index does not have it; the PIM was not asked.",
        _to_explain(life),
    )


def _find_letter(life: Life) -> Letter | None:
    """Return the newest letter that nothing newer has made good."""
    for letter in sorted(life.letters, key=lambda each: -each.at_s):
        if letter.reason != "delete_braked" and letter.state is LetterState.OPEN:
            newer = [each for each in life.announced if each.at_s > letter.at_s]
            return None if newer and (life.pending or life.pending_due) else letter
    return None


def _to_explain(life: Life) -> str:
    code, options = to_argument(life.code), f"--kind {life.kind.value} --ask-pim"
    if life.code.startswith("-"):  # no option of ours
        return f"quindex explain {options} -- {code}"
    return f"quindex explain {code} {options}"


def _to_trigger(life: Life) -> str:
    kind = "" if life.kind.value == "document" else f"--kind {life.kind.value} "
    ends_options = "-- " if life.code.startswith("-") else ""
    return f"quindex trigger {kind}{ends_options}{to_argument(life.code)}"


# --- what happened ---


def _to_lines(life: Life) -> Iterator[str]:
    happened = [
        *((each.at_s, 0, line) for each, line in _to_announced(life)),
        *((each.at_s, 1, _to_due(each)) for each in life.due[-SHOWN_MAX:]),
        *((each.at_s, 2, _to_fetched(life, each)) for each in life.fetched[-SHOWN_MAX:]),
        *((each.indexed_s, 3, _to_indexed(life, each)) for each in life.indexed),
        *((each.at_s, 4, _to_letter(each)) for each in life.letters[:SHOWN_MAX]),
    ]
    for at_s, _, line in sorted(happened, key=lambda each: each[:2]):
        yield f"{to_clock(at_s, life.now_s)}  {line}"
    for what in life.partial:
        yield f"(not all of {show(what)} was read)"


def _to_announced(life: Life) -> Iterator[tuple[Announced, str]]:
    """Notifications in a row that say the same are one line."""
    shown = life.announced[-SHOWN_MAX:]
    for each in shown:
        yield (
            each,
            (
                f"announced  {show(each.event)} by {show(each.source)}{_to_locales(each)}"
                f"{_to_fate(life, each)}  [notifications {each.partition}/{each.offset}]"
            ),
        )


def _to_locales(each: Announced) -> str:
    said = f", changed in {_join(each.updated)}" if each.updated else ""
    return said + (f", inherited by {_join(each.inherited)}" if each.inherited else "")


def _to_fate(life: Life, each: Announced) -> str:
    for fetched in life.fetched:
        if each.uuid in fetched.uuids:
            return f", answered by version {to_shown(fetched.version)}"
    if each in life.pending:
        return f", waits until {_at(life, to_due_s(life))}"
    return ""


def _to_due(each: Due) -> str:
    early = ", early" if each.early else ""
    return (
        f"due        lane {show(each.lane)}{early}, {_coalesced(each.notifications)}"
        f"  [due 0/{each.offset}]"
    )


def _to_fetched(life: Life, each: Fetched) -> str:
    what = "the PIM does not have it" if each.deleted else "everything the PIM holds"
    stale = ", stale: a newer version was there" if each in life.stale else ""
    return (
        f"fetched    {what}, version {to_shown(each.version)}, {_coalesced(each.notifications)}"
        f"{stale}  [snapshots {each.partition}/{each.offset}]"
    )


def _to_indexed(life: Life, each: Indexed) -> str:
    took = to_span(each.indexed_s - each.notified_s)
    what = "tombstone of " if each.deleted else ""
    inherited = ""
    if each.inherited:
        names = _join(each.inherited[:_INHERITED_MAX])
        more = "" if len(each.inherited) <= _INHERITED_MAX else ", …"
        inherited = f"; from another locale: {names}{more}"
    return (
        f"indexed    {show(each.locale)}: {what}version {to_shown(each.version)}, {took} after "
        f"{_to_cause(life, each)}{inherited}"
    )


def _to_cause(life: Life, each: Indexed) -> str:
    versions = {fetched.version for fetched in life.fetched if fetched.notifications == 0}
    return "a scan had read it" if each.version in versions else "it was announced"


def _to_letter(each: Letter) -> str:
    return (
        f"set aside  by {show(each.stage)}: {show(each.reason)}: {show(each.error)} "
        f"({each.state.value})  [dead-letters {each.id}]"
    )


def _coalesced(count: int) -> str:
    if count == 0:
        return "read by a scan"
    if count == 1:
        return "for 1 notification"
    return f"{to_count(count, 'notification')} coalesced into one fetch"


def _join(names: Sequence[str]) -> str:
    return ", ".join(map(show, names))


def _at(life: Life, moment_s: float) -> str:
    return f"{to_clock(moment_s, life.now_s)} UTC"
