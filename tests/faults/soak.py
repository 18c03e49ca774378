"""Even traffic for long, and nothing goes wrong: does a worker or the ingress grow?"""

import asyncio
import time
from pathlib import Path
from statistics import linear_regression
from typing import Final

from stack.child import Child
from stack.local import LocalStack
from tests.faults.memory import read_peak_bytes, read_resident_bytes
from tests.faults.plan import to_plan
from tests.faults.runs import DOCUMENTS, Run, open_run

EVERY_S: Final = 5.0
WARM_SHARE: Final = 0.3
"""Of the time at the start does not count: caches fill, and the allocator takes what it keeps."""
SLOPE_MAX_BYTES_PER_H: Final = 1024 * 1024
_PER_SECOND: Final = 20.0
_MIB: Final = 2**20


async def soak(stack: LocalStack, folder: Path, *, seed: str, seconds: float) -> list[str]:
    """
    Let traffic flow for so long; return how each process grew, with what was measured.

    Raises:
        AssertionError: a promise was not kept. Growth is told, not judged: what a short time shows
            of an hour is an extrapolation.
    """
    plan = to_plan(seed, seconds=seconds, documents=DOCUMENTS, blows={}, per_second=_PER_SECOND)
    async with open_run(stack.kafka, stack.elasticsearch, folder, label="soak") as run:
        samples: dict[str, list[tuple[float, int]]] = {}
        watching = asyncio.create_task(_watch(run, samples))
        try:
            await run.execute(plan)
        finally:
            watching.cancel()
        verdict = await run.judge()
        verdict.assert_kept()
        children = {child.name: child for child in _children(run)}
        return [f"{verdict}"] + [
            _tell(name, seen, read_peak_bytes(children[name])) for name, seen in samples.items()
        ]


def to_slope(samples: list[tuple[float, int]]) -> float:
    """Return bytes per hour by least squares; *samples* are seconds and bytes, oldest first."""
    first_s, last_s = samples[0][0], samples[-1][0]
    warm = [each for each in samples if each[0] >= first_s + WARM_SHARE * (last_s - first_s)]
    return linear_regression([at_s for at_s, _ in warm], [held for _, held in warm]).slope * 3600


def _children(run: Run) -> list[Child]:
    return [run.installation.ingress, *run.fleet.workers]


async def _watch(run: Run, samples: dict[str, list[tuple[float, int]]]) -> None:
    while True:
        for child in _children(run):
            seen = samples.setdefault(child.name, [])
            seen.append((time.monotonic(), read_resident_bytes(child)))
        await asyncio.sleep(EVERY_S)


def _tell(name: str, samples: list[tuple[float, int]], peak_bytes: int) -> str:
    slope = to_slope(samples)
    verdict = "flat" if slope < SLOPE_MAX_BYTES_PER_H else "it grows"
    lasted_s = samples[-1][0] - samples[0][0]
    return (
        f"{name}: {samples[0][1] / _MIB:.1f} MiB at first, {samples[-1][1] / _MIB:.1f} MiB after"
        f" {lasted_s:.0f} s, peak {peak_bytes / _MIB:.1f} MiB; {slope / _MIB:+.2f} MiB/h by"
        f" extrapolation: {verdict}"
    )
