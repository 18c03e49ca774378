"""
Runs a command of quindex with patches of this folder: patches.py, rebuild_patches.py, mutants.py.

    python -m tests.faults.mutant NAME[,NAME...] worker
"""

import sys

from ops.__main__ import main
from tests.faults.mutants import MUTANTS
from tests.faults.patches import PATCHES
from tests.faults.rebuild_patches import REBUILD_PATCHES

if __name__ == "__main__":
    for name in sys.argv[1].split(","):
        {**PATCHES, **REBUILD_PATCHES, **MUTANTS}[name]()
    main(sys.argv[2:])
