"""Which page of a scan comes next. Without I/O."""

from topics.scans import ScanPhase, ScanRecord


def next_step(
    scan: ScanRecord,
    *,
    has_next: bool,
    total: int | None,
    deletes_seen: int,
    resources: int,
    requests: int,
    now_s: float,
) -> ScanRecord:
    """
    Return the record that follows a page which was read.

    A delete moves what follows up by one, onto pages that were read before: where deletes were
    seen, by the owner or by a total that fell, the page before is read again.
    """
    moved = deletes_seen > scan.deletes_seen or (
        total is not None and scan.total is not None and total < scan.total
    )
    changes = {
        "total": total,
        "deletes_seen": deletes_seen,
        "resources": scan.resources + resources,
        "requests": scan.requests + requests,
        "updated_s": now_s,
    }
    if moved and scan.page > 1:
        return scan.change(page=scan.page - 1, **changes)
    if has_next:
        return scan.change(page=scan.page + 1, **changes)
    return scan.change(phase=ScanPhase.CLOSING, page=scan.page + 1, **changes)


class Progress:
    """Which step of each scan was handled: a record that is not beyond it is dropped."""

    def __init__(self) -> None:
        self._handled: dict[str, int] = {}

    def is_new(self, scan: ScanRecord) -> bool:
        """Whether a record goes beyond what was handled: a crash never forks a scan."""
        return scan.step > self._handled.get(scan.id, -1)

    def handled(self, scan: ScanRecord) -> None:
        """Note that what follows *scan* is stored."""
        self._handled[scan.id] = scan.step

    def clear(self) -> None:
        """Forget everything: the records are delivered again."""
        self._handled.clear()
