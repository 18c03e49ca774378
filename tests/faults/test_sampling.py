"""What counts as going back."""

from typing import Any, cast

from tests.faults.sampling import Place, Sampler, Seen

PLACE: Place = ("i-fr_fr-000001", "document:007")


def watch(*samples: tuple[int, int]) -> Sampler:
    """Return a sampler that has seen these versions and revisions."""
    sampler = Sampler(cast(Any, None))
    for version, revision in samples:
        sampler.compare({PLACE: Seen(version, deleted=False, revision=revision, partition=0)})
    return sampler


def test_what_moves_on_is_fine() -> None:
    sampler = watch((7, 1), (7, 2), (8, 2), (9, 3))

    assert (sampler.regressions, sampler.rewritten, sampler.moves) == ([], 0, 2)


def test_an_older_version_goes_back() -> None:
    (said,) = watch((9, 3), (8, 3)).regressions

    assert "version" in said


def test_a_newer_version_that_shows_an_older_state_goes_back() -> None:
    assert watch((7, 52), (8, 51)).regressions == [f"{PLACE}: revision 52 became 51"]


def test_an_earlier_answer_of_the_same_version_is_only_counted() -> None:
    sampler = watch((7, 51), (7, 52), (7, 51), (7, 52))

    assert (sampler.regressions, sampler.rewritten) == ([], 1)
