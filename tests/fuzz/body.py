"""The judgement of bodies under atheris: it must neither fail nor be at a loss. See scripts/fuzz."""

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # in an environment of its own

with atheris.instrument_imports(include=["ingress", "pim"]):
    from ingress.body import BODY_MAX_BYTES, Body
    from ingress.judgement import judge
    from topics.names import TopicNames

NAMES = TopicNames("quindex")
SEEDS = (
    b'{"uuid": "u", "code": "document.update", "resource": {"code": "a", "type": "document"}}',
    (
        b'{"uuid":"u","code":"media.create","created_at":"2026-01-01T00:00:00+00:00","resource":'
        b'{"code":"a","type":"media","locales":{"updated":["fr_FR"],"inherited":["fr_BE"]}},'
        b'"process":{"id":"p","type":"import","correlationId":"C"}}'
    ),
    b'{"code": "\\ud800", "resource": NaN}',
    "\ufeff{}".encode("utf-16"),
    b"[" * 100,
    b"1" * 5_000,
)


def look(data: bytes) -> None:
    """Judge one body, as if it were whole."""
    judgement = judge(Body(data, len(data)), NAMES, now_s=1.0)
    assert judgement.reason != "unreadable", judgement  # an error that nobody foresaw
    assert judgement.accepted.value == data
    is_notification = judgement.accepted.topic == NAMES.notifications
    assert is_notification == (judgement.reason is None)


def main() -> None:
    """Fuzz for as long as libFuzzer's options say."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(SEEDS):
            (Path(folder) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, f"-max_len={BODY_MAX_BYTES // 64}", folder], look)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
