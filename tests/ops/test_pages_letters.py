"""Deciding about letters on their page: what is ticked is meant, and nothing else."""

import asyncio

import pytest

from ops.letter import LetterState
from ops.letters import LetterLog
from ops.pages.desk import Desk
from runtime.settings import Settings
from tests.ops.test_pages_guard import to_action_token, visitor
from tests.ops.test_pages_templates import render_letters, to_text


@pytest.mark.parametrize("decision", ["redrive", "discard"])
def test_with_nothing_ticked_nothing_is_decided(decision: str) -> None:
    with visitor() as client:  # its servers are away: whoever asked them would fail
        form = {"action_token": to_action_token(client.get("/login").text), "decision": decision}
        answer = client.post("/dead-letters", data=form)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/dead-letters?done=nothing"


def test_a_desk_that_is_told_no_ids_decides_nothing() -> None:
    desk = Desk(Settings())  # without an address of any server

    assert asyncio.run(desk.decide([], LetterState.REDRIVEN)) == (0, 0)


def test_that_nothing_was_ticked_is_said() -> None:
    log = LetterLog([], 0, {}, is_partial=False)

    assert "No letter was ticked" in to_text(render_letters(log, done="nothing"))
    assert "No letter was ticked" not in to_text(render_letters(log))
