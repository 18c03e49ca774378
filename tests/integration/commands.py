"""Commands of ours, run as an operator runs them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PATIENCE_S = 60
CACHE = "QUINDEX_CACHE"  # no setting; without it the servers would be downloaded again


def run_command(
    *arguments: str, environ: Mapping[str, str], folder: Path, within_s: float = PATIENCE_S
) -> subprocess.CompletedProcess[str]:
    """Run a command in *folder*, so that no `.env` of a developer's counts, and wait for it."""
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "ops", *arguments],
        env={**without_settings(), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


def without_settings() -> dict[str, str]:
    """Return this process's environment less our settings, with the code on Python's path."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key == CACHE or not key.startswith("QUINDEX_")
    }
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2])}
