"""What a rebuild or a rollback has done, in lines that fit into a ticket. Without I/O."""

from collections.abc import Iterator, Mapping
from typing import Any


def to_rebuild_lines(done: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a rebuild has done, as `rebuild` returned it."""
    if "indices" in done:
        yield from _to_index_lines(done["indices"], "rebuilt")
        yield (
            f"compared {done['sampled']} search documents and {done['searched']} searches with the"
            " live indices: nothing speaks against the new ones"
        )
        yield from (f"note: {remark}" for remark in done["remarks"])
        yield (
            "all aliases point to the new indices; the old ones are kept for `quindex rollback`"
            if done["swapped"]
            else "no alias was moved (--dry-run)"
        )
    if "read_on" in done:
        yield f"{done['read_on']} snapshots that came meanwhile were read on after the swap"


def to_rollback_lines(done: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a rollback has done, or would do, as `roll_back` returned it."""
    if not done["switched"]:
        yield from _to_index_lines(done["indices"], "would go back to")
        return
    yield from _to_index_lines(done["indices"], "back to")
    yield f"all aliases moved {done['switched_s']:.1f} s after the start"
    yield f"{done['read_on']} snapshots that came since the rebuild were applied"


def _to_index_lines(indices: Mapping[str, str], said: str) -> Iterator[str]:
    for locale, index in indices.items():
        yield f"{locale}: {said} {index}"
