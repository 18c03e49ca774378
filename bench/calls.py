"""Webhook calls on several connections at a time, as fast as they are answered, each timed."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import orjson

PATH: Final = "/webhooks/quable"


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls a webhook at *port* of this machine; every call must be answered 202."""

    port: int
    authorization: str
    event: str = "document.update"
    connections: int = 32

    async def call_for(
        self, seconds: float, *, per_s: float = 0.0, calls_max: int = 0
    ) -> list[float]:
        """
        Return the seconds that each call took.

        Each connection makes one call after the other; with *per_s*, no more than that in all, and
        what a call waits for the one before it on its connection counts.
        """
        took_s: list[float] = []
        began_s = time.monotonic()

        async def call(name: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            count = 0
            while time.monotonic() < began_s + seconds and not 0 < calls_max <= len(took_s):
                started_s = time.monotonic()
                if per_s:
                    started_s = began_s + (count * self.connections + name) / per_s
                    await asyncio.sleep(max(0.0, started_s - time.monotonic()))
                count += 1
                writer.write(self.to_call(f"{name}-{count}", count))
                answer = await reader.readuntil(b"\r\n\r\n")
                took_s.append(time.monotonic() - started_s)
                assert answer.startswith(b"HTTP/1.1 202"), answer
            writer.close()

        await asyncio.gather(*(call(name) for name in range(self.connections)))
        return took_s

    def to_call(self, uuid: str, count: int) -> bytes:
        """Return the bytes of a call, with a body of the usual size."""
        kind, _, _ = self.event.partition(".")
        body = orjson.dumps(
            {
                "uuid": uuid,
                "code": self.event,
                "resource": {"code": f"product-{count % 1000}", "type": kind},
                "created_by": "x" * 700,
            }
        )
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: bench\r\nauthorization: {self.authorization}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def to_quantile_ms(took_s: list[float], share: float) -> float:
    """Return how many milliseconds this share of the calls took at most."""
    return sorted(took_s)[min(int(len(took_s) * share), len(took_s) - 1)] * 1000
