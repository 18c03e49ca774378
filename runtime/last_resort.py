"""Ends a process that does not end by itself."""

import os
import threading

from runtime.errors import MustRestart
from runtime.logs import get_logger

log = get_logger(__name__)


def exit_after(seconds: float) -> threading.Timer:
    """End the process unless the timer is cancelled in time: what hangs must not hold it."""

    def give_up() -> None:
        log.critical("stop.timed_out", within_s=seconds)
        os._exit(MustRestart.exit_code)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    return timer
