"""Time is an argument: whoever needs it is handed a clock."""

from collections.abc import Callable

Clock = Callable[[], float]
"""Returns seconds: time.time where Kafka's timestamps are compared, time.monotonic elsewhere."""
