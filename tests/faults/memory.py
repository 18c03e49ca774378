"""How much memory a child process has resident."""

from pathlib import Path

from stack.child import Child


def read_resident_bytes(child: Child) -> int:
    """Return what it has now."""
    return _read(child, "VmRSS")


def read_peak_bytes(child: Child) -> int:
    """Return the most that it has had."""
    return _read(child, "VmHWM")


def _read(child: Child, field: str) -> int:
    lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith(field))
    return int(kibibytes) * 1024
