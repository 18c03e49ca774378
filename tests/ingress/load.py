"""Calls at a steady rate, as a PIM under edit makes them, and what became of each."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from uuid import uuid4

from ingress.app import PATH
from tests.ingress.examples import AUTHORIZATION, to_body

NO_ANSWER = 0
PATIENCE_S = 30.0
"""So that a call that hangs is measured, not waited out."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Call:
    """One call; *status* is NO_ANSWER where the connection ended or could not be had."""

    uuid: str
    began_s: float
    took_s: float
    status: int


@dataclass
class Load:
    """
    Makes *per_s* calls a second on connections that are kept open.

    A call is made when its time has come, whether or not those before it were answered: a slow
    answer does not hide the slowness of the ones behind it.
    """

    port: int
    per_s: float = 200.0
    authorization: str = AUTHORIZATION
    calls: list[Call] = field(default_factory=list)
    is_done: bool = False
    _idle: list[Streams] = field(default_factory=list)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def accepted(self) -> set[str]:
        """Return the uuids of all calls that were answered 202."""
        return {call.uuid for call in self.calls if call.status == 202}

    @property
    def statuses(self) -> set[int]:
        """Return what was answered."""
        return {call.status for call in self.calls}

    async def run(self, seconds: float = float("inf")) -> None:
        """Call until *is_done*, or for so long; return once every call has its answer."""
        loop = asyncio.get_running_loop()
        began_s, made = loop.time(), 0
        while not self.is_done and loop.time() - began_s < seconds:
            made += 1
            task = asyncio.create_task(self._call())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            pause_s = began_s + made / self.per_s - loop.time()
            await asyncio.sleep(max(0.0, pause_s))
        await asyncio.gather(*self._under_way)
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def until(self, calls: int, *, within_s: float = 60.0) -> None:
        """Return once so many calls were answered."""
        async with asyncio.timeout(within_s):
            while len(self.calls) < calls:  # noqa: ASYNC110 (a poll is plainer here)
                await asyncio.sleep(0.01)

    async def answered(self) -> None:
        """Return once every call that is under way now has its answer."""
        if under_way := set(self._under_way):
            await asyncio.wait(under_way)

    async def _call(self) -> None:
        uuid = str(uuid4())
        began_s = time.monotonic()
        status = NO_ANSWER
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                status = await self._post(to_body(f"code-{uuid[:3]}", uuid=uuid))
        self.calls.append(Call(uuid, began_s, time.monotonic() - began_s, status))

    async def _post(self, body: bytes) -> int:
        streams = (
            self._idle.pop()
            if self._idle
            else await asyncio.open_connection("127.0.0.1", self.port)
        )
        reader, writer = streams
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: load\r\nauthorization: {self.authorization}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        try:
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
        except BaseException:
            writer.close()
            raise
        status = int(answer.split(b" ", 2)[1])
        is_kept = status == 202 and b"connection: close" not in answer.lower()
        if is_kept:
            self._idle.append(streams)
        else:
            writer.close()
        return status


def to_report(calls: list[Call]) -> str:
    """Return what a person wants to know of the calls."""
    took_s = sorted(call.took_s for call in calls)
    if not took_s:
        return "no calls"
    p50, p99 = (took_s[int(len(took_s) * share)] * 1000 for share in (0.5, 0.99))
    return (
        f"{len(calls)} calls, p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"slowest {took_s[-1] * 1000:.0f} ms"
    )
