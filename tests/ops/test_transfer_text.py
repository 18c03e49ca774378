"""What a rebuild or a rollback says at its end."""

from ops.transfer_text import to_rebuild_lines, to_rollback_lines

COMPARED = (
    "compared 400 search documents and 29 searches with the live indices:"
    " nothing speaks against the new ones"
)
REBUILT = {
    "indices": {"fr_FR": "quindex-fr_fr-000002", "en_GB": "quindex-en_gb-000002"},
    "sampled": 400,
    "searched": 29,
    "remarks": ["fr_FR has 1 search document more"],
    "swapped": True,
    "read_on": 7,
}


def test_a_rebuild_says_what_was_made_compared_and_moved() -> None:
    assert list(to_rebuild_lines(REBUILT)) == [
        "fr_FR: rebuilt quindex-fr_fr-000002",
        "en_GB: rebuilt quindex-en_gb-000002",
        COMPARED,
        "note: fr_FR has 1 search document more",
        "all aliases point to the new indices; the old ones are kept for `quindex rollback`",
        "7 snapshots that came meanwhile were read on after the swap",
    ]


def test_a_rehearsal_says_that_nothing_was_moved() -> None:
    rehearsed = {key: value for key, value in REBUILT.items() if key != "read_on"}

    assert list(to_rebuild_lines(rehearsed | {"swapped": False}))[-1] == (
        "no alias was moved (--dry-run)"
    )


def test_what_only_completes_a_swap_says_so() -> None:
    assert list(to_rebuild_lines({"read_on": 0})) == [
        "0 snapshots that came meanwhile were read on after the swap"
    ]


def test_a_rollback_says_where_readers_are_now() -> None:
    done = {"indices": {"fr_FR": "i-1"}, "switched": True, "switched_s": 1.234, "read_on": 3}

    assert list(to_rollback_lines(done)) == [
        "fr_FR: back to i-1",
        "all aliases moved 1.2 s after the start",
        "3 snapshots that came since the rebuild were applied",
    ]
    assert list(to_rollback_lines({"indices": {"fr_FR": "i-1"}, "switched": False})) == [
        "fr_FR: would go back to i-1"
    ]
