"""Tells of a process in `processes`, again and again."""

import asyncio
import os
import socket
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from runtime.errors import KafkaRefused, KafkaUnavailable, RecordTooLarge
from runtime.logs import get_logger
from topics.processes import ProcessRecord
from topics.records import Publisher

TELL_EVERY_S: Final = 5.0
PAUSE_MAX_S: Final = 300.0
"""Where Kafka does not take it, less and less is tried: what matters more goes the same way."""
_TELL_MAX_S: Final = 10.0

log = get_logger(__name__)


def to_process_id(role: str) -> str:
    """Return a name of this process that no other has now."""
    return f"{role}/{socket.gethostname()}/{os.getpid()}"


def own_version() -> str:
    """Return our version."""
    return version("quindex")


async def tell_forever(
    publisher: Publisher,
    topic: str,
    describe: Callable[[], ProcessRecord],
    is_ready: Callable[[], bool] = lambda: True,
) -> None:
    """
    Append what *describe* returns, until cancelled. It is no more than news: a failure is waited out.

    The ingress's publisher refuses the first record of a topic that it has yet to learn of: one
    failure is nothing to speak of.
    """
    pause_s, failures = TELL_EVERY_S, 0
    while True:
        if is_ready():
            record = describe()
            try:
                async with asyncio.timeout(_TELL_MAX_S):
                    await publisher.append(topic, key=record.key, value=record.to_json())
                pause_s, failures = TELL_EVERY_S, 0
            except (KafkaUnavailable, KafkaRefused, RecordTooLarge, TimeoutError) as error:
                failures += 1
                if failures > 1:
                    pause_s = min(2 * pause_s, PAUSE_MAX_S)
                    log.warning("process.not_told", error=str(error), pause_s=pause_s)
        await asyncio.sleep(pause_s)
