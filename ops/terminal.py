"""
What others wrote, shown on a terminal: codes, names and errors must stay text there.

A code may hold escape sequences that move the cursor, marks that turn the reading direction round,
or ten thousand characters.
"""

import json
import shlex
import unicodedata
from typing import Any, Final

SHOWN_MAX_CHARS: Final = 200
"""Of one value that others wrote; `--json` shows it whole."""

_FOUR_DIGITS_MAX: Final = 0xFFFF


def show(value: object, *, chars_max: int = SHOWN_MAX_CHARS) -> str:
    """Return *value* as one line of visible characters, cut where it is too long."""
    text = str(value)
    cut = len(text) > chars_max
    shown = "".join(_to_visible(char) for char in text[:chars_max])
    return f"{shown}… ({len(text)} characters)" if cut else shown


def to_argument(value: str) -> str:
    """
    Return *value* as one word of a command that is shown to be copied into a shell, never cut.

    Where it cannot all be seen, its bytes are escaped as bash, zsh and ksh read them (`$'…'`). No
    quotation mark is left inside, so that another shell takes it for a wrong word and no more.
    """
    if value.isprintable():
        return shlex.quote(value)
    raw = value.encode("utf-8", "surrogatepass")
    return f"$'{''.join(map(_to_escaped, raw))}'"


def to_json(value: Any) -> str:
    """Return one line of JSON in which every character that is not ASCII is escaped."""
    return json.dumps(value, ensure_ascii=True, default=str)


def _to_escaped(byte: int) -> str:
    char = chr(byte)
    is_plain = char.isascii() and char.isprintable() and char not in "'\\"
    return char if is_plain else f"\\{byte:03o}"


def _to_visible(char: str) -> str:
    if char.isprintable() or unicodedata.category(char) == "Zs":  # spaces of all widths
        return char
    if char.isascii():
        return f"\\x{ord(char):02x}"
    return f"\\u{ord(char):04x}" if ord(char) <= _FOUR_DIGITS_MAX else f"\\U{ord(char):08x}"
