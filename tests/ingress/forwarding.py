"""A port that leads to another one, quickly or slowly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from stack.ports import HOST

CHUNK_BYTES = 64 * 1024


class Forwarder:
    """Passes on at once what is asked of *port*, and *delay_s* later what *target_port* answers."""

    def __init__(self, port: int, target_port: int) -> None:
        self.delay_s = 0.0
        self._port, self._target_port = port, target_port
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self._port}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Pass on until the end."""
        server = await asyncio.start_server(self._serve, HOST, self._port)
        try:
            yield
        finally:
            server.close()
            for task in list(self._passing):
                task.cancel()
            await asyncio.gather(*self._passing, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_target = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.close()
            return
        self._start(self._pass(reader, to_target[1], is_answer=False))
        self._start(self._pass(to_target[0], writer, is_answer=True))

    def _start(self, passing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(passing)
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        loop, due_s = asyncio.get_running_loop(), 0.0
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                # Never before what came before it, even where the delay has just gone.
                due_s = max(due_s, loop.time() + (self.delay_s if is_answer else 0.0))
                loop.call_at(due_s, writer.write, chunk)
        writer.close()
