"""The same seed gives the same plan, and a plan can be carried out."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.points import POINTS
from tests.faults.plan import Blow, Verb, to_campaign, to_plan, to_point_rounds

SEEDS = st.text(max_size=20)
QUICKLY = settings(deadline=None, max_examples=30)

BLOWS = st.dictionaries(st.sampled_from(Blow), st.integers(min_value=0, max_value=20))


@QUICKLY
@given(SEEDS, BLOWS, st.integers(min_value=6, max_value=50))
def test_the_same_seed_gives_exactly_the_same_plan(
    seed: str, blows: dict[Blow, int], documents: int
) -> None:
    first, second = (to_plan(seed, seconds=20, documents=documents, blows=blows) for _ in range(2))

    assert first == second


@QUICKLY
@given(SEEDS, st.integers(min_value=1, max_value=20))
def test_the_same_seed_gives_the_same_points_each_as_often_as_planned(
    seed: str, times: int
) -> None:
    first, second = (
        to_point_rounds(seed, POINTS, times=times, seconds=2, documents=10) for _ in range(2)
    )

    assert first == second
    assert sorted(each.point for each in first) == sorted(POINTS * times)


def test_another_seed_gives_another_plan() -> None:
    plans = {to_plan(f"{seed}", seconds=20, documents=10, blows={Blow.KILL: 3}) for seed in "abc"}

    assert len(plans) == 3


@QUICKLY
@given(SEEDS, BLOWS)
def test_a_plan_holds_the_blows_asked_for_in_order_within_its_time(
    seed: str, blows: dict[Blow, int]
) -> None:
    plan = to_plan(seed, seconds=30, documents=10, blows=blows)

    assert {blow: plan.count(blow) for blow in blows} == blows
    moments = [fault.at_s for fault in plan.faults]
    assert moments == sorted(moments)
    assert all(0 <= moment <= 30 for moment in moments)


@QUICKLY
@given(SEEDS, st.integers(min_value=6, max_value=50))
def test_every_change_of_a_plan_can_be_made(seed: str, documents: int) -> None:
    live, gone = set(range(documents)), set()
    for change in to_plan(seed, seconds=40, documents=documents, blows={}).changes:
        if change.verb is Verb.DELETE:
            live.remove(change.document)
            gone.add(change.document)
        elif change.verb is Verb.RECREATE:
            gone.remove(change.document)
            live.add(change.document)
        elif change.verb is Verb.CREATE:
            assert change.document not in live | gone
            live.add(change.document)
        else:
            assert change.document in live


@QUICKLY
@given(SEEDS, st.integers(min_value=0, max_value=5))
def test_the_same_seed_gives_the_same_campaign(seed: str, minutes: int) -> None:
    first, second = (to_campaign(seed, minutes=minutes, documents=10) for _ in range(2))

    assert first == second
    assert len(first) == minutes


def test_the_campaign_strikes_with_everything_three_at_a_time() -> None:
    plans = to_campaign("seed", minutes=20, documents=10)

    assert {blow: sum(plan.count(blow) for plan in plans) for blow in Blow} == {
        Blow.KILL: 100,
        Blow.PAUSE: 20,
        Blow.JOIN: 40,
        Blow.LEAVE: 40,
        Blow.KAFKA: 10,
        Blow.ELASTICSEARCH: 10,
        Blow.INGRESS: 20,
        Blow.PIM: 40,
    }
    together = Counter(Counter(fault.at_s for fault in plans[0].faults).values())
    assert together == {3: 4, 2: 1}
