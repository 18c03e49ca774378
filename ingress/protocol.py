"""
What a connection may cost: uvicorn's HTTP/1.1 with the receive deadlines and caps that it lacks.

From a request's first byte (or the connection's begin) its headers must be here within
`headers_s`, and all of it within `whole_s`; then the connection is cut. Where there are too many
connections, of one address or in all, one that is still sending makes room: a slow client pushes
out slow clients, never a call that is being answered.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

DRAIN_S: Final = 1.0
"""How long an idle connection stays open at shutdown: its next call is answered, and closes it."""


@dataclass(slots=True)
class Limits:
    """Shared by all connections of a port."""

    headers_s: float = 5.0
    whole_s: float = 10.0
    connections_max: int = 4_096
    connections_per_address_max: int = 2_048
    receiving: dict[str, dict["IngressProtocol", None]] = field(
        default_factory=dict
    )  # oldest first
    open_by_address: dict[str, int] = field(default_factory=dict)

    def to_protocol(self) -> type[asyncio.Protocol]:
        """Return what uvicorn calls for each connection."""
        return cast("type[asyncio.Protocol]", partial(IngressProtocol, self))


class IngressProtocol(H11Protocol):
    """One connection."""

    def __init__(
        self,
        limits: Limits,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._address = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._began_s: float | None = None  # of the request that is being received
        self._is_ending = False

    def connection_made(  # type: ignore[override]  # as in uvicorn: it is a stream
        self, transport: asyncio.Transport
    ) -> None:
        """Count the connection; make room for it; start the clock."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        counts = self._limits.open_by_address
        counts[self._address] = counts.get(self._address, 0) + 1
        if counts[self._address] > self._limits.connections_per_address_max:
            self._make_room(self._limits.receiving.get(self._address, {}))
        if len(self.connections) > self._limits.connections_max:
            crowds = sorted(self._limits.receiving.values(), key=len)
            self._make_room(crowds[-1] if crowds else ())
        self._began_s = self.loop.time()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_watching()
        counts = self._limits.open_by_address
        counts[self._address] -= 1
        if not counts[self._address]:
            del counts[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; the first of one starts its clock."""
        if self._began_s is None:
            self._began_s = self.loop.time()
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on to the next request, unless the process ends."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._began_s = self.loop.time()  # of a pipelined request, the begin is here already
        self._watch()

    def shutdown(self) -> None:
        """
        End the connection without cutting off a call.

        A client that keeps the connection open may send its next call at any moment, so an idle
        connection is not closed under it: it is told with the next answer, or closed after a while.
        """
        self._is_ending = True
        if self._is_answering:
            self._announce_end()
        else:
            self.loop.call_later(DRAIN_S, self._end)

    def handle_events(self) -> None:
        """Take what was received apart."""
        super().handle_events()
        if self._is_ending and self._is_answering:
            self._announce_end()

    def _announce_end(self) -> None:
        self.cycle.keep_alive = False
        self.headers.append(CLOSE_HEADER)  # of the request: uvicorn then answers in kind

    @property
    def _is_answering(self) -> bool:
        return self.conn.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}

    def _end(self) -> None:
        if not self._is_answering and not self.transport.is_closing():
            super().shutdown()

    def _watch(self) -> None:
        """Set the deadline that fits how much of a request is here."""
        self._stop_watching()
        state = self.conn.their_state
        if self._began_s is None or self.transport.is_closing():
            return
        if state is h11.IDLE:
            due_s = self._began_s + self._limits.headers_s
        elif state is h11.SEND_BODY:
            due_s = self._began_s + self._limits.whole_s
        else:
            self._began_s = None  # all of it is here
            return
        self._deadline = self.loop.call_at(due_s, self._cut)
        self._limits.receiving.setdefault(self._address, {})[self] = None

    def _stop_watching(self) -> None:
        if self._deadline is None:
            return
        self._deadline.cancel()
        self._deadline = None
        of_address = self._limits.receiving[self._address]
        del of_address[self]
        if not of_address:
            del self._limits.receiving[self._address]

    def _cut(self) -> None:
        self._stop_watching()
        self.transport.abort()

    def _make_room(self, receiving: Iterable["IngressProtocol"]) -> None:
        # Where all others are being answered, it is the newcomer that goes.
        victim = next(iter(receiving), self)
        victim._cut()  # noqa: SLF001 (of the same class)
