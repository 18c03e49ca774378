"""Every page, from what is known: what it says, and that nothing of others' becomes markup."""

import re
import unicodedata
from dataclasses import replace
from typing import Any

import pytest

from ops.comparing import Comparison
from ops.letter import LetterState, Wanted
from ops.letter_lines import to_lines
from ops.letters import LetterLog
from ops.life import Life
from ops.pages.charts import Point, to_chart
from ops.pages.contexts import STAGES, to_scan, to_wanted
from ops.pages.desk import Moving
from ops.pages.queries import Query
from ops.pages.rendering import create_environment
from ops.pages.suggesting import Suggestion, to_suggestion_request, to_suggestions
from ops.side_by_side import compare_paths
from ops.status_table import to_rows
from ops.story import tell
from ops.verdict import judge
from pim.kinds import Kind
from sinks.transfers import Phase, Transfer
from tests.ops.hostile import HOSTILE
from tests.ops.letters import letter
from tests.ops.test_story import FRESH
from tests.ops.test_verdict import HEALTHY, NOW_S, stage
from topics.scans import ScanPhase, ScanPurpose, ScanRecord

ENVIRONMENT = create_environment()
CHARTS = [
    to_chart(name, name, "s", [Point(NOW_S - 60, 3.0)], now_s=NOW_S)
    for name in ("freshness", "throughput", "quota")
]
SCAN = ScanRecord(
    id="s1",
    purpose=ScanPurpose.BACKFILL,
    kind=Kind.ASSET,
    page=3,
    began_s=NOW_S - 10,
    updated_s=NOW_S - 1,
    total=300,
    resources=100,
    requests=2,
)
TRANSFER = Transfer("rebuild", Phase.FILLING, 2, {}, {}, "t", {}, NOW_S - 60)


def render(name: str, **context: Any) -> str:
    """Return a page as a browser gets it."""
    given = {"page": name, "trouble": None, "query": Query(), "live": None, "action_token": "0"}
    return ENVIRONMENT.get_template(f"{name}.html").render(given | context)


def to_text(page: str) -> str:
    """Return what can be read of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def render_life(life: Life, **more: Any) -> str:
    query = Query({"kind": [life.kind.value], "code": [life.code]})
    return render("resource", life=life, story=tell(life), query=query, **more)


def render_letters(log: LetterLog, **query: str) -> str:
    asked = Query({name: [value] for name, value in query.items()})
    picked = [each for each in log.letters if to_wanted(asked).picks(each)]
    reasons = sorted({each.reason for each in log.letters})
    return render(
        "letters",
        log=log,
        now_s=NOW_S,
        picked=len(picked),
        letters=picked,
        reasons=reasons,
        stages=STAGES,
        is_filtered=to_wanted(asked) != Wanted(),
        query=asked,
    )


def test_the_overview_of_a_healthy_installation() -> None:
    rows = list(to_rows(HEALTHY))
    page = render("overview", facts=HEALTHY, verdict=judge(HEALTHY), charts=CHARTS, rows=rows)
    text = to_text(page)

    assert 'class="verdict ok"' in page
    assert "OK: complete up to" in text
    assert page.count("<svg") == 3
    assert page.count('<rect class="bar"') == 3


def test_the_overview_says_what_is_wrong_and_which_command_mends_it() -> None:
    facts = replace(
        HEALTHY, stages=[stage("index", lag=7, waits_s=400)], workers=[], unknown={"quota": "late"}
    )
    page = render("overview", facts=facts, verdict=judge(facts), charts=[], rows=[])
    text = to_text(page)

    assert 'class="verdict error"' in page
    assert "ERROR: no worker is running, so nothing is indexed Next: quindex worker" in text
    assert "error the stage index is 7 min behind: 7 records wait. Next: quindex doctor" in text
    assert "index 7 7 min partition 3: 7" in text
    assert "Of the last hour nothing can be shown now." in text
    assert "unknown quota: late" in text


def test_a_life_is_told_as_the_command_tells_it() -> None:
    story = tell(FRESH)
    text = to_text(render_life(FRESH))

    assert story.headline in text
    for line in story.lines:
        assert " ".join(line.split()) in text
    assert "fr_FR – 1.42 11:05:39 11:05:40 11:05:41 (1.2 s)" in text  # noqa: RUF001  # a dash


def test_what_differs_stands_side_by_side() -> None:
    sides = {"fr_FR": compare_paths({"name": "Jupe", "code": "a"}, {"name": "Robe", "code": "a"})}
    text = to_text(render_life(FRESH, comparison=Comparison(True, sides, 1)))

    assert "The PIM has it. Asking cost 1 request." in text
    assert "fr_FR: 1 of 2 values differs" in text
    assert "name Jupe Robe" in text


def test_only_open_letters_can_be_picked() -> None:
    done = replace(letter(offset=2), state=LetterState.OVERTAKEN)
    log = LetterLog([letter(offset=1, at_s=NOW_S), done], 2, {0: 0}, is_partial=False)
    both = render_letters(log, state="all")

    assert both.count('name="id"') == 1
    assert 'value="0/1"' in both
    assert to_text(render_letters(log)).count("document:a") == 1
    assert "None like this." in to_text(render_letters(log, stage="fetch"))
    assert "None is open." in to_text(render_letters(replace(log, letters=[done])))


def test_a_redrive_is_confirmed_by_numbers_alone() -> None:
    log = LetterLog([], 0, {}, is_partial=False)
    told = to_text(render_letters(log, done="redrive", count="2", looking="1"))

    assert "2 redriven; looking again at 1 in the PIM." in told


def test_scans_and_a_rebuild_show_how_far_they_are() -> None:
    done = SCAN.model_copy(update={"id": "s2", "phase": ScanPhase.DONE, "resources": 300})
    scans = [to_scan(SCAN, NOW_S), to_scan(done, NOW_S)]
    page = render("scans", now_s=NOW_S, scans=scans, moving=Moving(TRANSFER, 40, 90))
    text = to_text(page)

    assert '<progress max="300" value="100"' in page
    assert "100 of 300, 10/s, about 20 s (limited by the PIM’s quota)" in text  # noqa: RUF001
    assert page.count('id="cancel-') == 1
    assert "40 of about 90 search documents" in text
    empty = to_text(render("scans", now_s=NOW_S, scans=[], moving=None))
    assert "There was none. It is started by quindex rebuild" in empty


@pytest.mark.parametrize(
    "name", ["overview", "resource", "resources", "letters", "letter", "scans"]
)
def test_what_cannot_be_shown_is_said(name: str) -> None:
    assert "This cannot be shown Kafka <away>" in to_text(
        render(name, trouble="Kafka <away>")
    ).replace("&lt;", "<").replace("&gt;", ">")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_text_on_every_page(text: str) -> None:
    key = f"document:{text}".encode("utf-8", "surrogatepass")
    bad = letter(
        key=key, reason=text, stage=text, error=text, value=text.encode("utf-8", "replace")
    )
    named = [replace(each, name=text, inherited=(text,)) for each in FRESH.indexed]
    life = replace(FRESH, code=text, indexed=named, letters=[bad])
    sides = {"fr_FR": compare_paths({text: text}, {text: "other"})}
    lines = to_lines(bad, NOW_S)
    blank = lines.index("")
    facts = replace(HEALTHY, unknown={text: text})
    pages = (
        render_life(life, comparison=Comparison(True, sides, 1)),
        render_letters(LetterLog([bad], 1, {}, is_partial=False), reason=text, of=text),
        render(
            "letter",
            letter=bad,
            fields=[line.partition(" ")[::2] for line in lines[:blank]],
            payload=lines[blank + 1 :],
            is_open=True,
            query=Query({"id": [text]}),
        ),
        render("resources", q=text, found=[Suggestion("document", text, text)]),
        render("resources", q=text, found=[]),
        render("overview", facts=facts, verdict=judge(facts), charts=CHARTS, rows=[(text, text)]),
        render("overview", trouble=text),
    )
    for page in pages:
        page.encode()
        assert page.count("<script") == 1  # ours
        assert "<img" not in page
        assert not {each for each in page if unicodedata.category(each) in {"Cc", "Cf"}} - {"\n"}


def test_suggestions_are_found_by_the_beginning_of_a_code_or_name() -> None:
    request = to_suggestion_request("x" * 1_000)
    answer = {"hits": {"hits": [{"_source": {"kind": "asset", "code": "a"}}]}}

    assert request["query"]["bool"]["should"][0]["term"]["code"]["value"] == "x" * 200
    assert to_suggestions(answer) == [Suggestion("asset", "a", None)]
