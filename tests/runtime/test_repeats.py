"""What a library repeats is said once in a while, and nothing of ours is left out."""

import logging

from runtime.repeats import TEMPLATES_MAX, Repeats


def record(
    template: str, *values: object, at_s: float, name: str = "aiokafka"
) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, "file.py", 1, template, values, None)
    made.created = at_s
    return made


def test_the_next_line_after_the_quiet_time_tells_how_many_were_left_out() -> None:
    repeats = Repeats(frozenset(), quiet_s=60)
    passed = [repeats.filter(record("lost %d", n, at_s=n)) for n in range(60)]
    later = record("lost %d", 99, at_s=60)

    assert passed == [True] + [False] * 59
    assert repeats.filter(later)
    assert later.getMessage() == "lost 99 (and 59 more like it before)"
    assert not repeats.filter(record("lost %d", 1, at_s=61))


def test_another_template_level_or_logger_is_another_line() -> None:
    repeats = Repeats(frozenset())
    warning = record("a %d", 1, at_s=0)
    warning.levelno = logging.WARNING

    assert repeats.filter(record("a %d", 1, at_s=0))
    assert repeats.filter(record("b %d", 1, at_s=0))
    assert repeats.filter(record("a %d", 1, at_s=0, name="mode"))
    assert repeats.filter(warning)


def test_lines_of_ours_all_pass() -> None:
    repeats = Repeats(frozenset({"streams"}))

    assert all(repeats.filter(record("a", at_s=0, name="streams.worker")) for _ in range(10))


def test_what_is_remembered_is_bounded() -> None:
    repeats = Repeats(frozenset())
    for n in range(TEMPLATES_MAX + 1):
        assert repeats.filter(record(f"template {n}", at_s=0))

    assert len(repeats._said) == 1  # noqa: SLF001  # the bound is the point
