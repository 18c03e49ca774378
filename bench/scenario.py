"""What every candidate goes through, and what is noted of it."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import uvloop
from elasticsearch import AsyncElasticsearch

from bench.calls import Caller, to_quantile_ms
from bench.edits import Found, Watch, read_accepted, to_moments, to_spans
from bench.measuring import Wrong, read_computed, read_revisions, settle
from bench.sites import Site
from runtime.errors import OperatorError
from stack.local import LocalStack
from stack.server import Server

CALLS_S: Final = 5.0
CALLS_WARM_UP_S: Final = 2.0
CALLS_EVENT: Final = "media.update"
"""Only documents are indexed here, so that what follows begins with nothing to do."""
REPEAT: Final = 5
"""Notifications of a bulk edit for each document."""
LONE_EDITS: Final = 25
LIVE_EDITS_MAX: Final = 50
LIVE_EVERY_S: Final = 2.0
LOOK_EVERY_S: Final = 0.3
BULK_PER_S: Final = 100
"""Of the bulk edit; more would queue up in the PIM of a small machine, and live edits behind it."""
BULK_PART: Final = 10
DELETES: Final = 10
FOUND_WITHIN_S: Final = 120.0
LOADED_WITHIN_S: Final = 300.0
DRAINED_WITHIN_S: Final = 300.0
FAULT_S: Final = 30.0
FAULT_EDITS: Final = 60
SETTLES_WITHIN_S: Final = 60.0
"""After the PIM's last call; what is wrong then waits for a next edit, or stays wrong."""
READY_WITHIN_S: Final = 120.0

Figures = dict[str, Any]
Fault = Callable[[], Awaitable[None]]


@dataclass
class Scenario:
    """One candidate on its way. *expected* follows what the PIM holds, without asking it."""

    site: Site
    stack: LocalStack
    client: AsyncElasticsearch
    seed: int
    codes: list[str] = field(default_factory=list)
    expected: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.watch = Watch(self.site, self.client, FOUND_WITHIN_S)

    async def run(self, *, faults: bool) -> Figures:
        """Go through everything, from an installation without workers on."""
        calls = await self.calls()
        await self.start_workers()
        self.expected = await read_revisions(self.site)
        self.codes = sorted(self.expected)
        random.Random(self.seed).shuffle(self.codes)  # noqa: S311  # an order, not a secret
        beside = [asyncio.create_task(work) for work in (self.site.supervise(), self.watch.run())]
        try:
            figures: Figures = {"calls": calls, "load": await self.load()}
            figures["lone edits"] = await self.lone_edits()
            figures["bulk edit"] = await self.bulk_edit()
            figures["deletes"] = await self.deletes()
            figures["peak_mib"] = read_computed(self.site.pids()).peak_mib
            for name, fault in self.faults().items() if faults else ():
                figures[f"after {name}"] = await self.suffer(fault)
            assert await read_revisions(self.site) == self.expected
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        return figures

    async def calls(self) -> Figures:
        """Call the ingress as fast as it answers, about what will not be indexed."""
        caller = Caller(self.site.ingress_port, self.site.authorization, event=CALLS_EVENT)
        await asyncio.to_thread(uvloop.run, caller.call_for(CALLS_WARM_UP_S))
        took_s = await asyncio.to_thread(uvloop.run, caller.call_for(CALLS_S))
        return {
            "per_s": round(len(took_s) / CALLS_S),
            "p50_ms": round(to_quantile_ms(took_s, 0.5), 2),
            "p99_ms": round(to_quantile_ms(took_s, 0.99), 2),
            "slowest_ms": round(max(took_s) * 1000, 1),
        }

    async def start_workers(self) -> None:
        """Start them, and let them read over these calls."""
        for _ in range(self.site.workers_count):
            self.site.start_worker()
        await self.site.workers_started()
        if await self._work_off(time.monotonic()) is None:
            raise OperatorError(f"{self.site.name} did not read over the calls.")

    async def load(self) -> Figures:
        """Read the whole catalog into an empty index."""
        await self.site.http.delete("/control/requests")
        began_s = time.monotonic()
        await self.site.load()
        wrong = await self._settle(LOADED_WITHIN_S)
        return {
            "seconds": round(time.monotonic() - began_s, 1),
            "requests": await self.site.requests(),
            "wrong": wrong.to_figures(),
        }

    async def lone_edits(self) -> Figures:
        """Edit one document after the other, while nothing else happens."""
        edits = [await self.watch.edit(code, self.expected) for code in self.codes[:LONE_EDITS]]
        return to_spans(edits, within_s=FOUND_WITHIN_S)

    async def bulk_edit(self) -> Figures:
        """Edit all documents several times in one process, and others one by one meanwhile."""
        live, bulk = self.codes[:LIVE_EDITS_MAX], self.codes[LIVE_EDITS_MAX:]
        await self.site.http.delete("/control/requests")
        before, began_s, wall_s = read_computed(self.site.pids()), time.monotonic(), time.time()
        working = asyncio.create_task(self._edit_bulk(bulk, live, began_s))
        edits = await self._edit_meanwhile(live, working)
        told = await working
        wrong = await self._settle(SETTLES_WITHIN_S)
        computed_s = read_computed(self.site.pids()).since(before)
        notifications, changed = told.pop("notifications") + len(edits), len(bulk) + len(edits)
        calls_s = await read_accepted(self.site, edits)
        figures = {
            "documents": changed,
            "notifications": notifications,
            **told,
            "live edits": to_spans(edits, within_s=FOUND_WITHIN_S),
            "live edits, from the call": to_spans(edits, calls_s, within_s=FOUND_WITHIN_S),
            "moments": to_moments(edits, calls_s, wall_s),
            "wrong": wrong.to_figures(),
        }
        if computed_s is not None:
            figures["computed_s_per_10000"] = round(computed_s / notifications * 10_000, 1)
        return figures | self._to_requests(await self.site.look("requests"), changed)

    async def deletes(self) -> Figures:
        """Delete some documents right after they were edited."""
        if reason := self.site.cannot.get("deletes"):
            return {"cannot": reason}
        for _ in range(DELETES):
            code = self.codes.pop()
            await self.site.control("edit", kind="document", code=code)
            await self.site.control("delete", kind="document", code=code)
            del self.expected[code]
        return (await self._settle(SETTLES_WITHIN_S)).to_figures()

    def faults(self) -> dict[str, Fault]:
        """Return what may happen, by name."""
        return {
            "kill -9": self._kill,
            "30 s without Kafka": lambda: self._stop(self.stack.kafka_server),
            "30 s without Elasticsearch": lambda: self._stop(self.stack.elasticsearch_server),
            "30 s of 503": self._refuse,
        }

    async def suffer(self, fault: Fault) -> Figures:
        """Let it happen while documents are edited; say what is wrong a minute after the calls."""
        codes = random.Random(self.seed).sample(self.codes, FAULT_EDITS)  # noqa: S311  # as above
        striking = asyncio.create_task(fault())
        for code in codes:
            change = await self.site.control("edit", kind="document", code=code)
            self.expected[code] = change["revision"]
            await asyncio.sleep(FAULT_S / 2 / FAULT_EDITS)
        await striking
        began_s = time.monotonic()
        wrong = await self._settle(SETTLES_WITHIN_S)
        figures: Figures = {"seconds": round(time.monotonic() - began_s, 1)}
        webhook = await self.site.look("webhook?uuids=0")
        if not webhook["enabled"]:
            figures["webhook"] = "disabled by the PIM"
            await self.site.control("webhook/enable")
        if wrong.total:
            figures["after a load"] = await self._heal()
        return figures | wrong.to_figures()

    async def _heal(self) -> dict[str, int]:
        """Read everything anew, so that the next fault begins with an index that is right."""
        await self.site.load()
        return (await self._settle(SETTLES_WITHIN_S)).to_figures()

    async def _edit_meanwhile(self, live: list[str], working: asyncio.Task[Any]) -> list[Found]:
        edits: list[asyncio.Task[Found]] = []
        while not working.done() and len(edits) < len(live):
            edit = self.watch.edit(live[len(edits)], self.expected)
            edits.append(asyncio.create_task(edit))
            await asyncio.sleep(LIVE_EVERY_S)
        return await asyncio.gather(*edits)

    async def _edit_bulk(self, bulk: list[str], live: list[str], began_s: float) -> Figures:
        """
        Edit; return the seconds until all calls are accepted, until all of it can be searched, and
        until each notification is done with. None: it did not come to that.
        """
        notifications = await self._edit_in_parts(bulk, began_s)
        await self.site.webhooks_idle()
        accepted_s = round(time.monotonic() - began_s, 1)
        worked_off = asyncio.create_task(self._work_off(began_s))
        expected = {code: self.expected[code] for code in bulk}
        wrong = await settle(
            self.site, self.client, expected, within_s=DRAINED_WITHIN_S, beside=live
        )
        searchable_s = round(time.monotonic() - began_s, 1)
        return {
            "notifications": notifications,
            "accepted_s": accepted_s,
            "searchable_s": None if wrong.total else searchable_s,
            "worked_off_s": await worked_off,
        }

    async def _edit_in_parts(self, bulk: list[str], began_s: float) -> int:
        """Edit all documents, each several times in a row, no faster than *BULK_PER_S*."""
        process, notifications = str(uuid4()), 0
        for start in range(0, len(bulk), BULK_PART):
            await asyncio.sleep(began_s + notifications / BULK_PER_S - time.monotonic())
            part = bulk[start : start + BULK_PART]
            done = await self.site.control(
                "bulk-edit", documents=part, repeat=REPEAT, process=process, finish=False
            )
            notifications += done["notifications"]
            for code in part:
                self.expected[code] += REPEAT
        done = await self.site.control("bulk-edit", documents=[], process=process)
        return notifications + int(done["notifications"])

    async def _work_off(self, began_s: float) -> float | None:
        ends = {where: each.end for where, each in (await self.site.positions()).items()}
        while time.monotonic() < began_s + DRAINED_WITHIN_S:
            held = await self.site.positions()
            if all((held[where].committed or 0) >= end for where, end in ends.items()):
                return round(time.monotonic() - began_s, 1)
            await asyncio.sleep(LOOK_EVERY_S)
        return None

    async def _settle(self, within_s: float) -> Wrong:
        return await settle(self.site, self.client, self.expected, within_s=within_s)

    def _to_requests(self, asked: Figures, changed: int) -> Figures:
        limit = self.site.settings.pim_quota_10min
        window = f"{self.site.settings.pim_quota_window_s:g}"
        return {
            "requests": asked["total"],
            "requests_each": round(asked["total"] / changed, 4),
            "quota_share": round(min(1.0, asked["peaks"][window] / limit), 3),
            "refused": int(asked["statuses"].get("429", 0)),
        }

    async def _kill(self) -> None:
        await asyncio.sleep(FAULT_S / 10)
        await asyncio.to_thread(self.site.workers[0].kill)

    async def _stop(self, server: Server) -> None:
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(FAULT_S)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.wait_ready, READY_WITHIN_S)

    async def _refuse(self) -> None:
        await self.site.http.put("/control/faults/status", json={"status": 503})
        await asyncio.sleep(FAULT_S)
        await self.site.http.delete("/control/faults")
