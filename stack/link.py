"""Files that lie in two places of the cache take the room of one."""

import os
import shutil
from pathlib import Path


def link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
