"""Settings, read when a command is called: their library loads slower than `--help` may take."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.settings import Settings


def read_settings(*, needs: Iterable[str]) -> "Settings":
    """
    Return the settings; *needs* names the fields that the command cannot do without.

    Raises:
        SettingsInvalid: lists every mistake.
    """
    from runtime.settings import load_settings

    return load_settings(os.environ, needs=needs)
