"""
A PIM that misbehaves while people edit: what it does, and what must hold once it is well again.

Faults of one group follow each other in one installation; groups run side by side.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean
from typing import Any, Final

from pim.retries import TRIES_MAX
from simulator.faults import MEBIBYTE, FaultKind
from tests.faults.burst import put
from tests.faults.canary import find_everywhere
from tests.faults.flood import RSS_MAX_BYTES
from tests.faults.memory import read_peak_bytes, read_resident_bytes
from tests.faults.metrics import read_metric, to_worker_addresses
from tests.faults.oracle import Verdict
from tests.faults.runs import Run, until_true
from tests.faults.zombies import to_wrapper

DOCUMENTS: Final = 40
SETTLE_WITHIN_S: Final = 150.0
GROWTH_MAX_BYTES: Final = 96 * MEBIBYTE
"""What stays between the first fault and the end: memory that the allocator keeps, and air."""
BREAKER: Final = "quindex_pim_breaker_open"
_EDITED: Final = 16
_EDIT_EVERY_S: Final = 0.35
_LAG_S: Final = 30.0
_STALE_SHARE_OF_TIME: Final = 0.8


@dataclass(frozen=True, slots=True)
class PimFault:
    """One thing that the PIM does; *total* means that no request is answered well meanwhile."""

    name: str
    kind: FaultKind
    fields: Mapping[str, Any] = field(default_factory=dict)
    total: bool = True
    goes_back: bool = False  # the PIM itself shows older states
    opens: bool = False  # wait until the metrics say that the breaker is open


@dataclass(frozen=True, slots=True)
class Group:
    """Faults that need the same settings and patches."""

    name: str
    faults: tuple[PimFault, ...]
    patches: tuple[str, ...] = ("look-again-soon",)
    pack_max: int = 1

    def to_options(self) -> dict[str, Any]:
        """Return what its installation needs."""
        return {
            "documents": DOCUMENTS,
            "workers": 1,
            "wrapper": to_wrapper(*self.patches),
            "more": {
                "QUINDEX_KINDS": "document",
                "QUINDEX_PIM_BATCH_MAX": str(self.pack_max),
                "QUINDEX_PIM_QUOTA_10MIN": "100000",
            },
        }


GROUPS: Final = (
    Group(
        "errors",
        (
            PimFault("30 % of 503", FaultKind.STATUS, {"status": 503, "share": 0.3}, total=False),
            PimFault("nothing but 500", FaultKind.STATUS, {"status": 500}, opens=True),
            PimFault("429 in HTML, no Retry-After", FaultKind.THROTTLE, {"html": True}),
        ),
    ),
    Group(
        "slowness",
        (
            PimFault("no answer in time", FaultKind.LATENCY, {"seconds": 5}),
            PimFault("1 byte/s", FaultKind.SLOW_BODY, {"seconds": 1}),
            PimFault("resets in mid-body", FaultKind.RESET),
        ),
        patches=("look-again-soon", "give-up-soon"),
    ),
    Group(
        "bodies",
        (
            PimFault("answers of 100 MB", FaultKind.HUGE, {"size_bytes": 100_000_000}),
            PimFault("a gzip bomb", FaultKind.GZIP_BOMB, {"size_bytes": 1024 * MEBIBYTE}),
            PimFault("a maintenance page with 200", FaultKind.MAINTENANCE),
        ),
        pack_max=50,
    ),
    Group(
        "lies",
        (
            PimFault("404 for everything", FaultKind.STATUS, {"status": 404}),
            PimFault("403 for everything", FaultKind.STATUS, {"status": 403}),
            PimFault("stale reads", FaultKind.STALE, total=False, goes_back=True),
        ),
        pack_max=50,
    ),
)


async def suffer(run: Run, group: Group, *, seconds: float) -> list[str]:
    """
    Let an installation go through a group's faults, each for so long; return what was measured.

    Raises:
        AssertionError: something that must hold does not.
    """
    (worker,) = run.fleet.workers
    first_bytes = read_resident_bytes(worker)
    said = []
    for fault in group.faults:
        hits, attempts = await _strike(run, fault, seconds)
        recovering_s = time.monotonic()
        verdict = await run.judge(within_s=SETTLE_WITHIN_S)
        recovered_s = time.monotonic() - recovering_s
        told = (
            f"{fault.name}: {hits} requests hit, {attempts:.1f} for each resource, well again after"
            f" {recovered_s:.0f} s; {verdict}"
        )
        _assert_kept(verdict, fault)
        assert await _read_breaker(run) == 0, told
        assert hits > 0, told
        if fault.total:
            assert attempts <= to_attempts_max(seconds), told
        said.append(told)
    assert await asyncio.to_thread(find_everywhere, run.installation) == []
    grown_bytes, peak_bytes = read_resident_bytes(worker) - first_bytes, read_peak_bytes(worker)
    shown = f"{group.name}: grown by {grown_bytes >> 20} MiB, peak {peak_bytes >> 20} MiB"
    assert grown_bytes < GROWTH_MAX_BYTES, shown
    assert peak_bytes < RSS_MAX_BYTES, shown
    return [*said, shown]


def to_attempts_max(seconds: float) -> float:
    """Return how often a resource may be asked for in an outage: its pauses double."""
    return TRIES_MAX * (2 + math.log2(seconds))


async def _read_breaker(run: Run) -> float:
    (address,) = to_worker_addresses(run.installation)
    return await read_metric(address, BREAKER)


async def _is_open(run: Run) -> bool:
    return await _read_breaker(run) == 1


async def _strike(run: Run, fault: PimFault, seconds: float) -> tuple[int, float]:
    """Edit while the fault is on; return the requests that it hit, and those for each resource."""
    installation = run.installation
    fields = dict(fault.fields)
    if fault.kind is FaultKind.STALE:
        fields["seconds"] = min(_LAG_S, _STALE_SHARE_OF_TIME * seconds)
    documents = run.burst.plain[:_EDITED]
    await installation.http.delete("/control/requests")
    await put(installation, f"faults/{fault.kind.value}", **fields)
    ends_s, number = time.monotonic() + seconds, 0
    while time.monotonic() < ends_s:
        await run.burst.edit(documents[number % len(documents)])
        number += 1
        await asyncio.sleep(_EDIT_EVERY_S)
    if fault.opens:
        await until_true(
            lambda: _is_open(run), within_s=SETTLE_WITHIN_S, otherwise="the breaker stays closed"
        )
    hits = int((await installation.look("faults"))[fault.kind.value]["hits"])
    requests = await installation.look("requests?resources=1")
    await installation.http.delete("/control/faults")
    edited = min(number, len(documents))
    codes = {run.burst.codes[document] for document in documents[:edited]}
    counts = [requests["resources"].get(f"/api/documents/{code}", 0) for code in codes]
    return hits, mean(counts)


def _assert_kept(verdict: Verdict, fault: PimFault) -> None:
    said = f"{fault.name}: {verdict}"
    assert verdict.agreement.is_equal, f"{said}: {verdict.agreement.examples()}"
    assert verdict.agreement.same > 0, said
    assert verdict.unaccounted == [], said
    assert verdict.evidence.overclaims == [], said
    assert verdict.evidence.behind == [], said
    assert verdict.evidence.dead_letters == {}, said
    assert fault.goes_back or verdict.regressions == [], said
