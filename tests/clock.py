"""A clock that stands still until a test moves it."""


class FakeClock:
    """Returns seconds; starts at a moment that looks like unix time."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self._now_s = now_s

    def __call__(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._now_s += seconds
