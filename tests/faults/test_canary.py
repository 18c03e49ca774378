"""The search for secrets finds what is there."""

from pathlib import Path

from tests.faults.canary import find_in_files

SECRET = b"canary-9f3a"


def test_a_secret_in_a_file_is_found_also_where_two_chunks_meet(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "clean.log").write_bytes(b"canary" * 1_000)
    split = tmp_path / "logs" / "worker.log"
    split.write_bytes(b"x" * ((1 << 20) - 4) + SECRET + b"x")

    assert list(find_in_files(tmp_path, [b"other", SECRET])) == [str(split)]
