"""Progress of what takes long: one moving line on a terminal, a plain line now and then elsewhere."""

import sys
import time
from typing import Final, TextIO

PLAIN_EVERY_S: Final = 10.0
_MINUTES_FROM_S: Final = 120


class Progress:
    """Says what is being done, how fast, and when it will be over; on stderr."""

    def __init__(self, unit: str, *, limit: str = "", stream: TextIO = sys.stderr) -> None:
        self._unit, self._stream = unit, stream
        self._limit = f" (limited by {limit})" if limit else ""  # what an estimate rests on
        self._moving = stream.isatty()
        self._doing = ""
        self._began_s = self._said_s = 0.0

    def __call__(self, doing: str, done: int, left: int) -> None:
        """Tell how many are done, and how many are known to be left."""
        now_s = time.monotonic()
        if doing != self._doing:
            self._doing, self._began_s, self._said_s = doing, now_s, 0.0
        if left and not self._moving and now_s - self._said_s < PLAIN_EVERY_S:
            return
        self._said_s = now_s
        took_s = max(0.001, now_s - self._began_s)
        rate = done / took_s
        line = f"{doing}: {done} {self._unit}, {left} left, {rate:.0f}/s{_to_eta(left, rate)}{self._limit if left else ''}"
        if self._moving:
            self._stream.write(f"\r\x1b[K{line}" + ("\n" if left == 0 else ""))
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()


def _to_eta(left: int, rate: float) -> str:
    if left == 0 or rate <= 0:
        return ""
    seconds = left / rate
    return (
        f", about {seconds:.0f} s"
        if seconds < _MINUTES_FROM_S
        else f", about {seconds / 60:.0f} min"
    )
