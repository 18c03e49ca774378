"""
Looks for secrets where they must not be: logs, topics, metrics and the arguments of processes.

The token of a test's PIM and the secret of its webhook stand for nothing else, so that any place
where they are found has copied them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx

from ops.connections import kafka_admin
from ops.installation import Installation
from tests.faults.evidence import read_topic
from tests.faults.metrics import to_ingress_address, to_worker_addresses

_CHUNK_BYTES: Final = 1 << 20


def to_secrets(installation: Installation) -> list[bytes]:
    """Return the secrets of an installation."""
    settings = installation.settings
    return [
        settings.pim_token.get_secret_value().encode(),
        settings.webhook_authorization.get_secret_value().encode(),
    ]


def find_in_files(folder: Path, secrets: Sequence[bytes]) -> Iterator[str]:
    """Yield the files below *folder* that hold a secret."""
    longest = max(map(len, secrets))
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            rest = b""
            while chunk := file.read(_CHUNK_BYTES):
                rest = rest[-longest:] + chunk
                if any(secret in rest for secret in secrets):
                    yield str(path)
                    break


def find_in_arguments(secrets: Sequence[bytes]) -> Iterator[str]:
    """Yield the workers and ingresses whose arguments, as `ps` shows them, hold a secret."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes()
        except OSError:  # it has ended
            continue
        is_ours = any(name in arguments for name in (b"worker\0", b"ingress\0"))
        if is_ours and any(secret in arguments for secret in secrets):
            yield f"{path}: {arguments!r}"


def find_in_topics(installation: Installation, secrets: Sequence[bytes]) -> Iterator[str]:
    """Yield the records that hold a secret, in key, value or headers; blocks."""
    with kafka_admin(installation.settings) as admin:
        topics = [t for t in admin.list_topics() if t.startswith(f"{installation.prefix}.")]
    for topic in topics:
        for each in read_topic(installation, topic):
            parts = (each.key, each.value, *(value for value in each.headers.values()))
            if any(secret in (part or b"") for secret in secrets for part in parts):
                yield f"{topic}/{each.partition}/{each.offset}"


def find_in_metrics(installation: Installation, secrets: Sequence[bytes]) -> Iterator[str]:
    """Yield the operations ports that tell a secret; blocks."""
    for address in [to_ingress_address(installation), *to_worker_addresses(installation)]:
        for path in ("metrics", "readyz", "livez"):
            answer = httpx.get(f"http://{address}/{path}")
            shown = answer.content + str(answer.headers).encode()
            if any(secret in shown for secret in secrets):
                yield f"{address}/{path}"


def find_everywhere(installation: Installation) -> list[str]:
    """Return every place that holds a secret; blocks."""
    secrets = to_secrets(installation)
    return [
        *find_in_files(installation.folder, secrets),
        *find_in_arguments(secrets),
        *find_in_topics(installation, secrets),
        *find_in_metrics(installation, secrets),
    ]
