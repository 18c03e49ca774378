"""What every single HTTP request to the PIM has to pass: the seam of the quota's owner."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol


class Gate(Protocol):
    """
    Lets requests to the PIM through, one at a time each.

    A client enters *request()* once for every HTTP request that it sends: each try, each page,
    each completion of a cut list. To enter is to have permission; to leave is to have the whole
    answer, or none by the deadline. The answer is judged inside, so whoever leaves with a
    PimUnavailable has seen trouble (429 by its *status*), and whoever is cancelled may have been
    counted by the PIM all the same.
    """

    def request(self) -> AbstractAsyncContextManager[object]:
        """Wait for permission; hold it from the answer on, for as long as the PIM counts it."""


class OpenGate:
    """Lets every request through at once."""

    def request(self) -> AbstractAsyncContextManager[object]:
        """Never wait."""
        return nullcontext()
