"""Who owns the quota, by what the workers' logs say."""

from tests.faults.owners import to_take_overs


def to_line(event: str, second: int) -> bytes:
    return b'{"timestamp": "2026-11-30T10:00:%02d.5Z", "event": "%s"}\n' % (second, event.encode())


def test_the_last_who_took_over_is_the_newest_of_all_logs() -> None:
    logs = {
        "worker-1": to_line("quota.taken_over", 1) + to_line("quota.taken_over", 9),
        "worker-2": to_line("worker.started", 11) + to_line("quota.taken_over", 5),
        "worker-3": to_line("worker.started", 12),
    }

    found = to_take_overs(logs)
    assert [name for _, name in found] == ["worker-1", "worker-2", "worker-1"]


def test_a_line_that_is_being_written_does_not_count_yet() -> None:
    line = to_line("quota.taken_over", 3)

    assert to_take_overs({"worker-1": line[:-1]}) == []
    assert len(to_take_overs({"worker-1": line})) == 1
