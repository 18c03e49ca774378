import os
from pathlib import Path

from stack.claim import Claim, drop_claim, read_claim, take_claim, write_claim


def test_a_claim_lasts_as_long_as_its_lock(tmp_path: Path) -> None:
    path, claim = tmp_path / "process.json", Claim(pid=os.getpid(), port=9092)
    lock = take_claim(path)
    assert lock is not None
    write_claim(lock, claim)

    assert read_claim(path) == claim
    assert take_claim(path) is None
    os.close(lock)
    assert read_claim(path) is None


def test_a_running_process_keeps_its_claim(tmp_path: Path) -> None:
    path, claim = tmp_path / "process.json", Claim(pid=1, port=1)
    lock = take_claim(path)
    assert lock is not None
    write_claim(lock, claim)
    drop_claim(path)

    assert read_claim(path) == claim
    os.close(lock)
    drop_claim(path)
    assert not path.exists()


def test_no_file_is_no_claim(tmp_path: Path) -> None:
    path = tmp_path / "process.json"
    drop_claim(path)

    assert read_claim(path) is None
    assert not path.exists()
