"""How long the first of a pack waits for others to share its request."""

from collections import deque
from typing import Final

from topics.due import Lane

FILL_S: Final = {Lane.LIVE: 0.05, Lane.PROCESS: 3.0, Lane.SCAN: 0.05}
BURST_KEYS: Final = 10
"""Live resources within a second that make a burst: more than the quota sustains one by one."""
BURST_SPAN_S: Final = 1.0
BURST_FILL_S: Final = 2.0


class PackFill:
    """
    Lets a lone edit go at once, and one of a burst wait for its like.

    A burst is what one edit of a shared value or asset brings: Quable announces each resource that
    shows it, with nothing that tells them from edits of their own.
    """

    def __init__(self) -> None:
        self._arrived_s: deque[float] = deque(maxlen=BURST_KEYS)

    def note(self, lane: Lane, now_s: float) -> None:
        """Note that a resource has become due."""
        if lane is Lane.LIVE:
            self._arrived_s.append(now_s)

    def seconds(self, lane: Lane, now_s: float) -> float:
        """Return how long a pack of this lane may fill."""
        is_burst = len(self._arrived_s) == BURST_KEYS and now_s - self._arrived_s[0] <= BURST_SPAN_S
        return BURST_FILL_S if is_burst and lane is Lane.LIVE else FILL_S[lane]
