"""An answer older than its change is looked at again, as long as that check is mostly right."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from simulator import changes
from simulator.faults import Fault, FaultKind
from streams.stale_answers import ANSWERS_MIN, DOUBTED_MAX, LOOKS_AGAIN_S, StaleAnswers
from tests.streams.pim import TOPICS, Bench, fetch, open_bench, run
from topics.notifications import to_not_before_s

CHANGED_S = 1_000.0
OLD_S = 900.0


def trusted(passes: int = 100) -> StaleAnswers:
    """Return a check that has seen good answers."""
    answers = StaleAnswers()
    for number in range(passes):
        answers.judge(f"good-{number}", changed_s=CHANGED_S, modified_s=CHANGED_S)
    return answers


def look(answers: StaleAnswers, key: str = "a", modified_s: float = OLD_S) -> float | None:
    return answers.judge(key, changed_s=CHANGED_S, modified_s=modified_s)


def look_again(answers: StaleAnswers, key: str = "a", modified_s: float = OLD_S) -> float | None:
    """Judge what a notification of ours has asked for: it tells no moment of a change."""
    return answers.judge(key, changed_s=None, modified_s=modified_s)


def test_an_older_answer_is_looked_at_again_three_times() -> None:
    answers = trusted()

    assert (look(answers), look_again(answers), look_again(answers)) == LOOKS_AGAIN_S
    assert look_again(answers) is None
    assert look(answers) == LOOKS_AGAIN_S[0]


def test_a_new_answer_ends_it() -> None:
    answers = trusted()
    look(answers)

    assert look_again(answers, modified_s=CHANGED_S) is None
    assert look_again(answers) is None  # no longer doubted


def test_a_fraction_of_a_second_says_nothing() -> None:
    answers = trusted()

    assert answers.judge("a", changed_s=CHANGED_S + 0.9, modified_s=CHANGED_S) is None


def test_what_tells_no_time_is_believed() -> None:
    answers = trusted()

    assert answers.judge("a", changed_s=CHANGED_S, modified_s=None) is None
    assert answers.judge("a", changed_s=None, modified_s=OLD_S) is None


def test_a_later_change_is_waited_for_anew() -> None:
    answers = trusted()
    look(answers)
    look_again(answers)
    later = answers.judge("a", changed_s=CHANGED_S + 10, modified_s=OLD_S)

    assert later == LOOKS_AGAIN_S[0]
    assert look_again(answers, modified_s=CHANGED_S) == LOOKS_AGAIN_S[1]


def test_before_enough_answers_nothing_is_doubted() -> None:
    assert look(trusted(ANSWERS_MIN - 1)) is None
    assert look(trusted(ANSWERS_MIN)) is not None


def test_a_pim_whose_changes_leave_the_date_alone_is_believed() -> None:
    answers = StaleAnswers()
    for number in range(1_000):
        look(answers, f"cascade-{number % 5}", CHANGED_S if number % 5 == 0 else OLD_S)

    assert not answers.is_trusted
    assert look(answers) is None


def test_false_alarms_end_the_check_and_good_answers_begin_it_again() -> None:
    answers = trusted()
    for number in range(20):
        for _ in range(1 + len(LOOKS_AGAIN_S)):
            look(answers, f"cascade-{number}")

    assert look(answers) is None
    for number in range(1_000):
        look(answers, f"good-{number}", CHANGED_S)
    assert look(answers) is not None


def test_a_lagging_copy_does_not_count_against_the_check() -> None:
    answers = trusted()
    for number in range(150):
        assert look(answers, f"lagging-{number}") is not None
    for number in range(150):
        look_again(answers, f"lagging-{number}", CHANGED_S)

    assert answers.is_trusted


def test_few_resources_are_doubted_at_once() -> None:
    answers = trusted(1_000)
    doubted = [look(answers, str(number)) for number in range(2 * DOUBTED_MAX)]

    assert sum(each is not None for each in doubted) == DOUBTED_MAX


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=300))
def test_no_more_looks_than_three_for_each_answer(steps: list[tuple[str, bool, bool]]) -> None:
    answers = trusted()
    changes_seen = looks = 0
    for key, ours, new in steps:
        changes_seen += not ours
        looks += (
            answers.judge(
                key,
                changed_s=None if ours else CHANGED_S,
                modified_s=CHANGED_S if new else OLD_S,
            )
            is not None
        )

    assert looks <= len(LOOKS_AGAIN_S) * changes_seen


def test_a_stale_read_is_mended_by_a_trigger_that_waits() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            await teach(bench)
            code = bench.codes(1)[0]
            changes.edit(bench.simulation.instance, (Kind.DOCUMENT, code), {"name": "Old"})
            bench.simulation.faults.set(FaultKind.STALE, Fault(seconds=8))
            bench.simulation.faults_changed()
            await asyncio.sleep(20)
            changes.edit(bench.simulation.instance, (Kind.DOCUMENT, code), {"name": "New"})
            await fetch(bench, code, changed_s=bench.clock())

            (trigger,) = bench.publisher.of(TOPICS.notifications)
            assert trigger.key == code.encode()
            assert trigger.headers["source"] == b"trigger"
            not_before_s = to_not_before_s(trigger.headers)
            assert not_before_s is not None
            assert 0 <= bench.clock() - (not_before_s - LOOKS_AGAIN_S[0]) < 1
            await asyncio.sleep(10)
            await fetch(bench, code)

            assert len(bench.publisher.of(TOPICS.notifications)) == 1
            assert "New" in str(bench.snapshots[-1].resource)

    run(scenario())


def test_a_new_variant_has_its_document_looked_at() -> None:
    async def scenario() -> None:
        async with open_bench() as bench:
            code = bench.codes(1, Kind.VARIANT)[0]
            await fetch(bench, code, kind="variant")
            assert bench.publisher.of(TOPICS.notifications) == []
            await fetch(bench, code, kind="variant", created=True)

            (cascade,) = bench.publisher.of(TOPICS.notifications)
            assert cascade.key == bench.snapshots[-1].resource["document"]["id"].encode()
            assert cascade.headers["source"] == b"cascade"

    run(scenario())


async def teach(bench: Bench) -> None:
    """Let the check see answers that are as new as they should be."""
    for _ in range(2):
        for code in bench.codes(ANSWERS_MIN):
            await fetch(bench, code, changed_s=0.0)
