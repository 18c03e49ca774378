"""Texts as they are searched: markup stripped, white space collapsed, always valid UTF-8."""

import html
import re
from functools import lru_cache
from typing import Final

TEXT_MAX_CHARS: Final = 200_000
"""Of one value; what lies beyond is not searched."""

_REMEMBERED_MAX: Final = 4_096
_REMEMBERED_MAX_CHARS: Final = 2_000
"""Labels come again and again, and a locale shows the very texts that it inherits."""

_TAG: Final = re.compile(
    # Every alternative stops at the next "<", and nothing is tried twice: linear on any input.
    r"""<(?:(?P<comment>!--)|(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*+)"""
    r"""(?:(?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+>|[^<>]*+>)|[!?][^<>]*+>)"""
)
_COMMENT_END: Final = "-->"
_HIDDEN: Final = {
    name: re.compile(rf"</{name}\s*+>", re.IGNORECASE)
    for name in ("script", "style", "template", "noscript")
}
_INLINE: Final = frozenset(  # no word ends at these
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def to_clean(text: str) -> str:
    """Return the text with lone surrogates, which no JSON writer takes, replaced."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def to_text(text: str) -> str:
    """Return what a reader sees of a text that may hold HTML: one line, at most TEXT_MAX_CHARS."""
    return _to_text_again(text) if len(text) <= _REMEMBERED_MAX_CHARS else _to_text(text)


def _to_text(text: str) -> str:
    if "<" in text:
        text = _strip_tags(text)
    if "&" in text:
        text = _unescape(text)
    line = " ".join(text.split())[:TEXT_MAX_CHARS]
    return line if line.isascii() else to_clean(line)


_to_text_again = lru_cache(maxsize=_REMEMBERED_MAX)(_to_text)


def _strip_tags(text: str) -> str:
    seen: list[str] = []
    endless: set[str] = set()  # what is nowhere closed in the rest of the text
    position = 0
    while (tag := _TAG.search(text, position)) is not None:
        seen.append(text[position : tag.start()])
        name = (tag["name"] or "").lower()
        if name not in _INLINE:
            seen.append(" ")
        position = tag.end()
        if tag["comment"]:
            position = _skip_comment(text, position, endless)
        elif name in _HIDDEN and not tag["close"]:
            position = _skip_hidden(text, position, name, endless)
    seen.append(text[position:])
    return "".join(seen)


def _skip_comment(text: str, position: int, endless: set[str]) -> int:
    end = -1 if _COMMENT_END in endless else text.find(_COMMENT_END, position)
    if end >= 0:
        return end + len(_COMMENT_END)
    endless.add(_COMMENT_END)
    return position


def _skip_hidden(text: str, position: int, name: str, endless: set[str]) -> int:
    end = None if name in endless else _HIDDEN[name].search(text, position)
    if end is not None:
        return end.end()
    endless.add(name)
    return position


def _unescape(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a character reference of more digits than Python converts
        return text
