"""Codes and values that somebody may have typed into the PIM to see what happens."""

from typing import Final

HOSTILE: Final = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\rb\nc\td\x00",
    "\x9b31m",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'); DROP TABLE x; --",
    '=HYPERLINK("http://example.org")',
    "@SUM(1+1)|cmd",
    "\u202egnp.exe\u202c",
    "\u200bzero\u2066width\u2069",
    "\u2028separated\u2029",
    "\ud800",
    "x" * 10_000,
    "{{7*7}} ${7*7} %s %d {0}",
)
