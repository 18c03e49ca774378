"""What each page shows: reads through the desk, and returns what its template needs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ops.comparing import compare_with_pim
from ops.letter import Letter, LetterState, Wanted
from ops.letter_lines import to_lines
from ops.pages.desk import Desk
from ops.pages.queries import Query
from ops.status_table import to_rows
from ops.story import tell
from ops.verdict import judge
from pim.kinds import Kind
from topics.scans import ScanRecord

SHOWN_LETTERS_MAX: Final = 200
SHOWN_SCANS_MAX: Final = 50
STAGES: Final = ("ingress", "debounce", "fetch", "index")

Context = Mapping[str, Any]
Read = Callable[[Desk, Query], Awaitable[Context]]


class NotThere(Exception):
    """There is no such thing; the message says what."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan with what follows from its figures."""

    record: ScanRecord
    rate: float | None
    left_s: float | None


async def overview(desk: Desk, _query: Query) -> Context:
    """Return whether the index is fresh, what is stuck, and the last hour."""
    facts, charts = await desk.facts(), await desk.charts()
    return {
        "facts": facts,
        "verdict": judge(facts),
        "charts": charts,
        "rows": [(name, text) for name, text in to_rows(facts) if name != "unknown"],
    }


async def resources(desk: Desk, query: Query) -> Context:
    """Return resources whose code or name begins as was typed."""
    text = query.get("q")
    return {"q": text, "found": await desk.suggest(text)}


async def resource(desk: Desk, query: Query) -> Context:
    """Return the life of a resource."""
    kind, code = to_resource(query)
    gathered = await desk.life(kind, code)
    return {"life": gathered.life, "story": tell(gathered.life)}


async def compared(desk: Desk, query: Query) -> Context:
    """Return the same, with PIM and index side by side: asks the PIM."""
    kind, code = to_resource(query)
    gathered = await desk.life(kind, code)
    comparison = await compare_with_pim(desk.settings, kind, code, gathered.stored)
    life = replace(gathered.life, in_pim=comparison.in_pim)
    return {"life": life, "story": tell(life), "comparison": comparison}


async def letters(desk: Desk, query: Query) -> Context:
    """Return dead letters, as they were asked for."""
    log = await desk.letters()
    wanted = to_wanted(query)
    picked: Sequence[Letter] = [each for each in log.letters if wanted.picks(each)]
    return {
        "log": log,
        "now_s": (await desk.facts()).now_s,
        "picked": len(picked),
        "letters": picked[:SHOWN_LETTERS_MAX],
        "reasons": sorted({each.reason for each in log.letters}),
        "stages": STAGES,
        "is_filtered": wanted != Wanted(),
    }


async def letter(desk: Desk, query: Query) -> Context:
    """Return one dead letter."""
    id_ = query.get("id")
    log = await desk.letters()
    found = next((each for each in log.letters if each.id == id_), None)
    if found is None:
        raise NotThere("There is no such dead letter among the newest.")
    now_s = (await desk.facts()).now_s
    lines = to_lines(found, now_s)
    blank = lines.index("")
    return {
        "letter": found,
        "fields": [line.partition(" ")[::2] for line in lines[:blank]],
        "payload": lines[blank + 1 :],
        "is_open": found.state is LetterState.OPEN,
    }


async def scans(desk: Desk, _query: Query) -> Context:
    """Return scans and the newest rebuild, with their progress."""
    facts = await desk.facts()
    moving = await desk.moving()
    found = (await desk.scans())[-SHOWN_SCANS_MAX:]
    return {
        "now_s": facts.now_s,
        "scans": [to_scan(each, facts.now_s) for each in reversed(found)],
        "moving": moving,
    }


def to_scan(record: ScanRecord, now_s: float) -> Scan:
    """Return a scan with its rate, and how long it will go on at that rate."""
    took_s = (record.updated_s if record.is_over else now_s) - record.began_s
    rate = record.resources / took_s if took_s > 0 and record.resources else None
    left = max(0, (record.total or 0) - record.resources)
    left_s = left / rate if rate and record.total is not None and not record.is_over else None
    return Scan(record, rate, left_s)


def to_resource(query: Query) -> tuple[Kind, str]:
    """
    Return what resource is meant.

    Raises:
        NotThere: no kind of ours, or no code.
    """
    try:
        kind = Kind(query.get("kind") or Kind.DOCUMENT)
    except ValueError:
        raise NotThere("There is no such kind of resource.") from None
    if not (code := query.get("code")):
        raise NotThere("No code was given.")
    return kind, code


def to_wanted(query: Query) -> Wanted:
    """Return which letters are asked for."""
    return Wanted(
        codes=frozenset(filter(None, query.all("of"))),
        reasons=frozenset(filter(None, query.all("reason"))),
        stages=frozenset(filter(None, query.all("stage"))),
        all_states=query.get("state") == "all",
    )
