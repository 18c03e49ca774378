"""Dead letters as tests need them."""

from ops.letter import Letter, to_letter
from topics.dead_letters import to_dead_letter_headers


def letter(
    *,
    partition: int = 0,
    offset: int = 0,
    at_s: float = 1_000.0,
    stage: str = "index",
    reason: str = "mapper_parsing_exception",
    error: str = "failed to parse",
    topic: str = "quindex.snapshots",
    key: bytes | None = b"document:a",
    value: bytes | None = b"{}",
) -> Letter:
    """Return a letter as it is read."""
    headers = to_dead_letter_headers(
        stage=stage,
        reason=reason,
        error=error,
        topic=topic,
        partition=4,
        offset=5,
        now_s=at_s,
    )
    return to_letter(partition, offset, at_s + 1, key, value, headers)
