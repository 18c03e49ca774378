"""Lines that libraries repeat while something is down: one a minute, with how many were left out."""

import logging
from typing import Final

QUIET_S: Final = 60.0
TEMPLATES_MAX: Final = 500
"""Kinds of lines that are remembered; beyond these all are forgotten, and said anew."""


class Repeats(logging.Filter):
    """
    Passes a line of *exempt* loggers always, and any other once in *quiet_s*.

    Two lines are the same if their logger, level and template are, whatever the values: a client
    that cannot reach a broker says so ten times a second.
    """

    def __init__(self, exempt: frozenset[str], *, quiet_s: float = QUIET_S) -> None:
        super().__init__()
        self._exempt, self._quiet_s = exempt, quiet_s
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}  # when, left out since

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to say it; what is said tells what was left out."""
        if record.name.partition(".")[0] in self._exempt:
            return True
        key = (record.name, record.levelno, str(record.msg))
        said_s, left_out = self._said.get(key, (float("-inf"), 0))
        if record.created - said_s < self._quiet_s:
            self._said[key] = (said_s, left_out + 1)
            return False
        if len(self._said) >= TEMPLATES_MAX:
            self._said.clear()
        self._said[key] = (record.created, 0)
        if left_out:
            record.msg = f"{record.getMessage()} (and {left_out} more like it before)"
            record.args = ()
        return True
