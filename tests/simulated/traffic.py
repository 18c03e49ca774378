"""What people and processes do in the PIM, and the webhook calls that come of it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from tests.simulated.assembly import TOPICS
from tests.simulated.log import Log
from tests.simulated.pim import Pim
from tests.simulated.plan import Change
from topics.notifications import Source, to_headers, to_key_bytes

PAST_S: Final = 30.0
"""Longer than the PIM ever lags."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A notification that is in the log, and how many partitions that had then."""

    code: str
    partition: int
    offset: int
    partitions: int
    revision: int
    uuid: str


@dataclass
class Traffic:
    """Changes the PIM, and stores its webhook calls as the ingress does."""

    pim: Pim
    log: Log
    clock: Callable[[], float]
    accepted: list[Accepted] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    async def change(self, change: Change) -> None:
        """Make a change, if it can be made."""
        code = f"doc-{change.document:02}"
        there = self.pim.now(code)
        if change.locale is None and (there is None or there.revisions is None):
            return
        resource = self.pim.change(code, change.locale)
        self.counts["changes"] += 1
        verb = "delete" if change.locale is None else "update"
        await self.call(code, verb, resource.revision, change.calls, change.process)

    async def call(
        self,
        code: str,
        verb: str,
        revision: int,
        calls: tuple[float, ...],
        process: str | None = None,
    ) -> None:
        """Store a notification as often as its calls come; while Kafka is down the spool has it."""
        body: dict[str, Any] = {
            "uuid": f"{code}-{revision}",
            "code": f"document.{verb}",
            "created_at": datetime.fromtimestamp(int(self.clock()), UTC).isoformat(),
            "resource": {"code": code},
        }
        if process is not None:
            body["process"] = {"id": process, "type": "bulk_edit"}
        began_s = self.clock()
        for delay_s in sorted(calls):
            await asyncio.sleep(max(0.0, began_s + delay_s - self.clock()))
            await self.log.up.wait()  # until then it lies in the ingress's spool
            stored = self.log.store(
                TOPICS.notifications,
                to_key_bytes(code),
                orjson.dumps(body),
                to_headers(Source.WEBHOOK, now_s=self.clock()),
            )
            partitions = len(self.log.topics[TOPICS.notifications])
            self.accepted.append(
                Accepted(code, stored.partition, stored.offset, partitions, revision, body["uuid"])
            )

    async def finish(self, process: str) -> None:
        """End a process."""
        await self.log.up.wait()
        body = {
            "uuid": process,
            "code": "bulk_edit.finish",
            "resource": {"code": process},
            "process": {"id": process, "type": "bulk_edit"},
        }
        headers = to_headers(Source.WEBHOOK, now_s=self.clock())
        self.log.store(TOPICS.notifications, process.encode(), orjson.dumps(body), headers)

    async def edit_what_lagged(self) -> None:
        """What a PIM says too late, nobody can know; the next edit brings the truth."""
        await asyncio.sleep(PAST_S)
        for code in sorted(self.pim.lagged):
            self.pim.lagged.discard(code)
            if (there := self.pim.now(code)) is not None and there.revisions is not None:
                await self.call(code, "update", self.pim.change(code, 0).revision, (0.2,))
            else:
                assert there is not None
                await self.call(code, "delete", there.revision, (0.2,))
