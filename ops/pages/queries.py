"""Queries and forms as they are sent: also codes that are no proper text. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import parse_qs, quote

FIELDS_MAX: Final = 2_000


class MalformedQuery(Exception):
    """What was sent is neither a query nor a form."""


@dataclass(frozen=True, slots=True)
class Query:
    """Names and their values."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, sent: bytes) -> Self:
        """
        Read a query string or the body of a form.

        Raises:
            MalformedQuery: it is neither.
        """
        try:
            text = sent.decode("ascii")
            return cls(parse_qs(text, errors="surrogatepass", max_num_fields=FIELDS_MAX))
        except ValueError as error:
            raise MalformedQuery(str(error)) from error

    def get(self, name: str) -> str:
        """Return the first value, or nothing."""
        return next(iter(self.values.get(name, ())), "")

    def all(self, name: str) -> Sequence[str]:
        """Return all values."""
        return self.values.get(name, ())


def to_quoted(value: object) -> str:
    """Return a value as part of an address."""
    return quote(str(value), safe="", errors="surrogatepass")
