"""What the ingress has accepted and owes to Kafka, and how a spool row holds it."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from topics.names import TopicNames

_COUNTS: Final = struct.Struct(">HiH")  # bytes of the topic, bytes of the key or -1, headers
_HEADER: Final = struct.Struct(">HI")  # bytes of a header's name and value


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record to append: a notification, a mark, or a dead letter."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)

    def to_row(self) -> bytes:
        """Return the record as the spool holds it."""
        topic = self.topic.encode()
        key_bytes = -1 if self.key is None else len(self.key)
        parts = [_COUNTS.pack(len(topic), key_bytes, len(self.headers)), topic, self.key or b""]
        for name, value in self.headers.items():
            encoded = name.encode()
            parts += [_HEADER.pack(len(encoded), len(value)), encoded, value]
        return b"".join([*parts, self.value])


def to_current(topic: str, names: TopicNames) -> str:
    """
    Return the topic of the same kind that is written to now.

    A row may be older than a change of the prefix: its own topic may be gone, or nobody reads it.
    """
    is_letter = topic.endswith(TopicNames("").dead_letters)
    return names.dead_letters if is_letter else names.notifications


def parse_row(row: bytes) -> Accepted:
    """
    Read what `to_row` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        topic_bytes, key_bytes, headers_count = _COUNTS.unpack_from(row)
        position = _COUNTS.size
        topic = row[position : position + topic_bytes].decode()
        position += topic_bytes
        key = None if key_bytes < 0 else row[position : position + key_bytes]
        position += max(key_bytes, 0)
        headers = {}
        for _ in range(headers_count):
            name_bytes, value_bytes = _HEADER.unpack_from(row, position)
            position += _HEADER.size
            name = row[position : position + name_bytes].decode()
            position += name_bytes
            headers[name] = row[position : position + value_bytes]
            position += value_bytes
    except struct.error as error:
        raise ValueError(f"not a row of the spool: {error}") from error
    if position > len(row):
        raise ValueError("not a row of the spool: it ends too early")
    return Accepted(topic, key, row[position:], headers)
