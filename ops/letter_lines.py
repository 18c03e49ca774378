"""Dead letters as lines for a terminal, and as JSON."""

import base64
from typing import Any, Final

import orjson

from ops.letter import Letter
from ops.spoken import to_clock
from ops.terminal import show

VALUE_MAX_CHARS: Final = 4_000
"""Of a payload on a terminal; `--json` gives all of it."""
_ERROR_MAX_CHARS: Final = 100


def to_line(letter: Letter, now_s: float) -> str:
    """Return one line."""
    what = letter.resource or letter.code or "no resource"
    return (
        f"{letter.id:<8} {to_clock(letter.at_s, now_s)}  {letter.state.value:<9} "
        f"{show(letter.stage)}  {show(letter.reason)}  {show(what)}  "
        f"{show(letter.error, chars_max=_ERROR_MAX_CHARS)}"
    )


def to_lines(letter: Letter, now_s: float) -> list[str]:
    """Return all that is known of a letter."""
    return [
        f"letter    {letter.id}, {letter.state.value}",
        f"at        {to_clock(letter.at_s, now_s)} UTC",
        f"stage     {show(letter.stage)}",
        f"reason    {show(letter.reason)}",
        f"said      {show(letter.error, chars_max=VALUE_MAX_CHARS)}",
        f"resource  {show(letter.resource or letter.code or 'none')}",
        f"record    {show(letter.source)}",
        "",
        *_to_payload(letter.value),
    ]


def to_object(letter: Letter) -> dict[str, Any]:
    """Return a letter for programs; what is no text is base64."""
    text, encoded = _to_text(letter.value)
    return {
        "id": letter.id,
        "at": letter.at_s,
        "state": letter.state.value,
        "stage": letter.stage,
        "reason": letter.reason,
        "error": letter.error,
        "kind": letter.kind.value if letter.kind else None,
        "code": letter.code,
        "record": letter.source,
        "value": text,
        "value_base64": encoded,
    }


def _to_text(value: bytes | None) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    try:
        return value.decode("utf-8"), None
    except UnicodeDecodeError:
        return None, base64.b64encode(value).decode("ascii")


def _to_payload(value: bytes | None) -> list[str]:
    if value is None:
        return ["(no value)"]
    try:
        text = orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return [show(value.decode("utf-8", "backslashreplace"), chars_max=VALUE_MAX_CHARS)]
    cut = text[:VALUE_MAX_CHARS]
    lines = [show(line, chars_max=VALUE_MAX_CHARS) for line in cut.split("\n")]
    return lines if len(cut) == len(text) else [*lines, f"… ({len(text)} characters)"]
