"""The record of `control` that says: Quable does not call any more, though something has changed."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

import orjson

SILENCE_KEY: Final = b"webhook/silence"
"""A null value ends it."""
_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class WebhookSilence:
    """Since the last call *changed* (kind:code) was changed in the PIM, and was not announced."""

    since_s: float  # the last call
    changed: str
    changed_s: float  # by the PIM's clock
    found_s: float

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps(
            {
                "schema": _SCHEMA,
                "since": self.since_s,
                "changed": self.changed,
                "changed_at": self.changed_s,
                "found_at": self.found_s,
            }
        )

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """
        Read a record's value.

        Raises:
            ValueError: it is none.
        """
        try:
            raw = orjson.loads(value)
            return cls(
                float(raw["since"]),
                str(raw["changed"]),
                float(raw["changed_at"]),
                float(raw["found_at"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a silence: {error!r}") from error


def fold_silence(records: Iterable[tuple[bytes | None, bytes | None]]) -> WebhookSilence | None:
    """Return the silence that lasts, if there is one; takes all records of `control`, oldest first."""
    silence = None
    for key, value in records:
        if key == SILENCE_KEY:
            silence = None
            with suppress(ValueError):
                silence = WebhookSilence.parse(value or b"")
    return silence
