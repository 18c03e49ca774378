"""Runs seeds: one, or many on all cores, with a planted bug or without."""

import gc
import logging
import random
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import structlog
from faust.transport import consumer

from tests.faults.mutants import MUTANTS
from tests.simulated.oracle import Verdict, judge
from tests.simulated.plan import to_plan
from tests.simulated.world import World
from tests.virtual_time import run_virtually

_GC_THRESHOLDS = (50_000, 20, 20)
"""The defaults cost a tenth of all computing here."""


def simulate(seed: int, *, hours: float) -> Verdict:
    """Live through one seed; the same seed is the same run."""
    random.seed(seed)  # what jitters by itself
    world = World(to_plan(seed, hours=hours))
    try:
        run_virtually(world.play(), has_io=False)
    except AssertionError as error:
        world.failures.append(f"it stood still: {error!r}")
    return judge(world)


def simulate_all(
    seeds: Iterable[int], *, hours: float, processes: int, mutant: str | None = None
) -> Iterator[Verdict]:
    """Yield the verdicts in the order of the seeds."""
    with ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_begin, initargs=(mutant,)
    ) as pool:
        waiting: deque[Future[Verdict]] = deque()
        try:
            for seed in seeds:
                waiting.append(pool.submit(simulate, seed, hours=hours))
                if len(waiting) > 4 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(mutant: str | None) -> None:
    be_quiet()
    gc.freeze()  # what is imported stays; and a seed leaves little behind
    gc.set_threshold(*_GC_THRESHOLDS)
    if mutant is not None:
        MUTANTS[mutant]()


def be_quiet() -> None:
    """Log nothing, in a process that does nothing else: what counts is the verdict."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=True,
    )
    logging.disable(logging.CRITICAL)
    # Faust draws a table of each commit, for a log that is off.
    consumer.terminal.logtable = lambda *_, **__: ""  # type: ignore[attr-defined]  # not exported
