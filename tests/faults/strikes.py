"""What a blow of a plan does to real processes."""

import asyncio
import signal
from collections.abc import Mapping
from typing import Any, Final

from simulator.faults import FaultKind
from stack.child import Child
from stack.server import Server
from tests.faults.burst import put
from tests.faults.fleet import RESTART_AFTER_S, Fleet
from tests.faults.plan import Blow, Fault

SERVER_READY_WITHIN_S: Final = 120.0

PIM_TROUBLES: Final[tuple[tuple[FaultKind, Mapping[str, Any]], ...]] = (
    (FaultKind.STATUS, {"status": 503, "share": 0.3}),
    (FaultKind.STATUS, {"status": 500}),
    (FaultKind.STATUS, {"status": 403}),
    (FaultKind.THROTTLE, {"html": True}),
    (FaultKind.LATENCY, {"seconds": 5}),
    (FaultKind.RESET, {}),
    (FaultKind.TRUNCATED, {}),
    (FaultKind.MAINTENANCE, {}),
    (FaultKind.EMPTY, {}),
    (FaultKind.JITTER, {"seconds": 3}),
)
"""
After which nothing needs a person.

A PIM that answers 404 to everything for long, or shows older states, is `pim_faults.py`'s business.
"""


async def strike(fault: Fault, fleet: Fleet, servers: Mapping[Blow, Server]) -> None:
    """Do it, and undo what ends by itself after a while."""
    running = [worker for worker in fleet.workers if worker.is_running]
    if fault.blow in servers:
        await outage(servers[fault.blow], fault.seconds)
    elif fault.blow is Blow.PIM:
        await _make_unwell(fleet, fault)
    elif fault.blow is Blow.INGRESS:
        await asyncio.to_thread(fleet.installation.ingress.kill)
        await asyncio.sleep(RESTART_AFTER_S)
        await asyncio.to_thread(fleet.installation.ingress.start)
    elif fault.blow is Blow.JOIN or not running:
        fleet.start_worker()
    else:
        await _strike_worker(fault, fleet, running)


async def outage(server: Server, seconds: float) -> None:
    """Stop a server, and start it again after a while."""
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.wait_ready, SERVER_READY_WITHIN_S)


async def _strike_worker(fault: Fault, fleet: Fleet, running: list[Child]) -> None:
    worker = running[fault.choice % len(running)]
    if fault.blow is Blow.LEAVE:
        if len(running) == 1:
            fleet.start_worker()
        await fleet.leave(worker)
    elif fault.blow is Blow.PAUSE:
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        worker.signal(signal.SIGCONT)
    else:
        await fleet.kill(worker)


async def _make_unwell(fleet: Fleet, fault: Fault) -> None:
    kind, fields = PIM_TROUBLES[fault.choice % len(PIM_TROUBLES)]
    await put(fleet.installation, f"faults/{kind.value}", **fields)
    await asyncio.sleep(fault.seconds)
    await fleet.installation.http.delete(f"/control/faults/{kind.value}")
