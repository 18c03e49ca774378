"""How much of the campaign a run does: the CI part, unless QUINDEX_TEST_FAULTS says more."""

import os
from typing import Final

from tests.faults.defects import SCENARIOS

_QUICK: Final = ("acknowledge-first", "believe-every-404", "end-after-request", "no-version")

WHOLE: Final = os.environ.get("QUINDEX_TEST_FAULTS") == "whole"
"""Set by scripts/faults --mutants."""

CHOSEN: Final = tuple(sorted(SCENARIOS)) if WHOLE else _QUICK
