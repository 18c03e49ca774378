"""Which page of a scan comes next. Without I/O."""

from collections.abc import Mapping
from typing import Final

from pim.urls import PAGE_MAX
from topics.scans import ScanPhase, ScanRecord

COUNTED: Final = ("resources", "same", "missing", "different", "moved_on")


def next_step(
    scan: ScanRecord,
    *,
    has_next: bool,
    total: int | None,
    deletes_seen: int,
    counted: Mapping[str, int],
    requests: int,
    now_s: float,
) -> ScanRecord:
    """
    Return the record that follows a page which was read, and on which so much was *counted*.

    A delete moves what follows up by one, onto pages that were read before. So where deletes were
    seen (another owner's count is no other's) or the total fell, the page before is read again, and
    neither counts until then; where it fell by more than a page, so are those before it.
    """
    fallen = 0 if total is None or scan.total is None else max(0, scan.total - total)
    moved = deletes_seen != scan.deletes_seen or fallen > 0
    totals = {name: int(getattr(scan, name)) for name in COUNTED}
    changes: dict[str, object] = {
        "total": total,
        "deletes_seen": deletes_seen,
        "requests": scan.requests + requests,
        "updated_s": now_s,
    }
    if moved and scan.page > 1:
        pages = max(1, -(-fallen // PAGE_MAX))
        counted_before = scan.before or totals
        return scan.change(page=max(1, scan.page - pages), before={}, **changes, **counted_before)
    changes |= {name: so_far + counted.get(name, 0) for name, so_far in totals.items()}
    changes["before"] = totals
    if has_next:
        return scan.change(page=scan.page + 1, **changes)
    return scan.change(phase=ScanPhase.CLOSING, page=scan.page + 1, **changes)


def to_begun_anew(scan: ScanRecord) -> ScanRecord:
    """Return a scan of which nothing that was read counts: another epoch has begun."""
    return scan.model_copy(
        update={
            **dict.fromkeys(COUNTED, 0),
            "phase": ScanPhase.READING,
            "total": None,
            "before": {},
            "examples": (),
        }
    )


class Progress:
    """Which step of each scan was handled: a record that is not beyond it is dropped."""

    def __init__(self) -> None:
        self._handled: dict[str, int] = {}

    def is_new(self, scan: ScanRecord) -> bool:
        """Whether a record goes beyond what was handled: a crash never forks a scan."""
        return scan.step > self._handled.get(scan.id, -1)

    def seen(self, scan: ScanRecord) -> None:
        """Note that the log holds *scan*: all steps before it were handled, by whomever."""
        self._note(scan.id, scan.step if scan.is_over else scan.step - 1)

    def handled(self, scan: ScanRecord) -> None:
        """Note that what follows *scan* is stored."""
        self._note(scan.id, scan.step)

    def _note(self, scan_id: str, step: int) -> None:
        self._handled[scan_id] = max(step, self._handled.get(scan_id, -1))

    def clear(self) -> None:
        """Forget everything: the records are delivered again."""
        self._handled.clear()
