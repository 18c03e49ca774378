"""The body of a call, read under a cap; how long it may take is the protocol's business."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from runtime.errors import QuindexError

BODY_MAX_BYTES: Final = 1024 * 1024
DRAIN_MAX_BYTES: Final = 16 * 1024 * 1024
"""A longer body is read up to here and dropped, so that its sender gets to read the answer."""
HEAD_BYTES: Final = 4 * 1024
"""What is kept of a body that is longer than it may be."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class CallerGone(QuindexError):
    """The connection ended before the body did: there is nobody to answer, and nothing to keep."""


@dataclass(frozen=True, slots=True)
class Body:
    """What came; *kept* is only the head of it when it was too long."""

    kept: bytes
    received_bytes: int
    is_whole: bool = True  # False: its end was not waited for

    @property
    def is_oversized(self) -> bool:
        """Whether it was longer than a notification may be."""
        return self.received_bytes > BODY_MAX_BYTES


async def read_body(receive: Receive) -> Body:
    """
    Read to the end, keeping the whole body or, of one that is too long, its head.

    Raises:
        CallerGone: the caller left, or was cut off by a receive deadline. Had the process died
            here instead, the caller would see the same: no answer, so it tries again.
    """
    kept = bytearray()
    received_bytes = 0
    while True:
        event = await receive()
        if not received_bytes and _is_all(event):
            body = event.get("body", b"")
            return Body(body, len(body))
        if event["type"] == "http.disconnect":
            raise CallerGone("the connection ended within the body")
        chunk = event.get("body", b"")
        received_bytes += len(chunk)
        if received_bytes <= BODY_MAX_BYTES:
            kept += chunk
        else:
            kept += chunk[: max(0, HEAD_BYTES - len(kept))]
            del kept[HEAD_BYTES:]
        if not event.get("more_body", False):
            return Body(bytes(kept), received_bytes)
        if received_bytes > DRAIN_MAX_BYTES:
            return Body(bytes(kept), received_bytes, is_whole=False)


def _is_all(event: MutableMapping[str, Any]) -> bool:
    """Whether this is a whole body of a size that is kept, as nearly every one is."""
    return not event.get("more_body", True) and len(event.get("body", b"")) <= BODY_MAX_BYTES
