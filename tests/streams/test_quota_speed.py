"""The limiter is not needlessly slow."""

import asyncio
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.quota import Quota, Window
from tests.streams.quota_world import DEADLINE_S, Pim, Topic, Worker
from tests.virtual_time import run_virtually, until
from topics.due import Lane

SHARE = ((4_800, 600.0), (240_000, 86_400.0))
EDIT_EVERY_S = 5.0
DAY_S = 86_400.0


def test_while_live_demand_never_stops_at_least_97_of_100_slots_are_used() -> None:
    async def scenario() -> None:
        limit, span_s = 1_200, 150.0
        topic, pim = Topic(lambda: 0.01), Pim()
        worker = Worker(topic, pim, lambda: 0.3, ((limit, span_s), SHARE[1]))
        began_s = worker.clock()
        while worker.clock() < began_s + 6 * span_s:
            worker.want(24 - worker.wanted, Lane.LIVE)
            await asyncio.sleep(0.2)
        worker.die()
        await asyncio.sleep(0)
        settled_s = began_s + span_s  # half of the first window counts as used
        used = sum(settled_s <= begun_s for begun_s, _ in pim.sent) / (limit * 5)

        assert used >= 0.97
        assert pim.crowd(span_s) <= limit

    run_virtually(scenario())


@settings(max_examples=2)
@given(fail_over_s=st.lists(st.floats(0, DAY_S), min_size=4, max_size=4))
def test_after_a_day_of_lone_edits_a_successor_may_send_at_once(fail_over_s: list[float]) -> None:
    """One edit every 5 s, and a fail-over at any time."""

    async def scenario() -> None:
        topic, pim = Topic(lambda: 0.01), Pim()
        worker = Worker(topic, pim, lambda: 0.2, SHARE)
        began_s = worker.clock()
        for moment_s in sorted(fail_over_s):
            while worker.clock() - began_s < moment_s:
                worker.want(1, Lane.LIVE)
                await asyncio.sleep(EDIT_EVERY_S)
            worker.die()
            worker = Worker(topic, pim, lambda: 0.2, SHARE)
            taken_s = worker.clock()
            worker.want(1, Lane.LIVE)
            await until(partial(getattr, worker, "answered"), every_s=0.05)

            assert worker.clock() - taken_s <= 0.5
        worker.die()
        await asyncio.sleep(DEADLINE_S)

    run_virtually(scenario())


def test_a_day_of_answers_needs_little_memory() -> None:
    quota = Quota(tuple(Window(limit=limit, span_s=span_s) for limit, span_s in SHARE))
    for number in range(240_000):
        quota.start()
        quota.end(number * DAY_S / 240_000)

    parts = [len(w.answered(DAY_S - 1, parts_max=1_000_000)) for w in quota.windows]
    assert parts[0] <= 2_000
    assert parts[1] <= 100_000
