"""What a worker notices of its surroundings."""

from streams.surroundings import is_restored


def test_an_index_that_remembers_less_than_it_was_told_was_restored() -> None:
    assert is_restored({0: 5, 1: 7}, {0: 5, 1: 8})
    assert is_restored({}, {3: 1})


def test_an_index_that_remembers_as_much_or_more_was_not() -> None:
    assert not is_restored({0: 5, 1: 9}, {0: 5, 1: 8})
    assert not is_restored({}, {})
