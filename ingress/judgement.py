"""Is a body a notification? What `parse_code` accepts is one; all else is a dead letter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ingress.accepted import Accepted
from ingress.body import BODY_MAX_BYTES, Body
from pim.notifications import parse_code
from runtime.errors import MalformedNotification
from topics.dead_letters import to_dead_letter_headers
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_key_bytes

DEPTH_MAX: Final = 64
STAGE: Final = "ingress"
_STRINGS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_ONE_SHAPE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a body; *reason* is None for a notification."""

    accepted: Accepted
    reason: str | None = None


def judge(
    body: Body,
    names: TopicNames,
    *,
    now_s: float,
    content_encoding: bytes = b"",
    trace: Mapping[str, bytes] | None = None,
) -> Judgement:
    """
    Return the record that the body becomes; this cannot fail, whatever the body is.

    *trace* are the headers by which a notification carries the call's trace on.
    """
    try:
        code = _to_code(body)
        key = to_key_bytes(code)
    except MalformedNotification as error:
        is_encoded = content_encoding.lower() not in {b"", b"identity"}
        reason = "content_encoding" if is_encoded and not body.is_oversized else error.reason
        return to_dead_letter(body.kept, names, now_s=now_s, reason=reason, error=str(error))
    except Exception as error:  # noqa: BLE001 (poison that nobody foresaw stops nothing but itself)
        text = f"{type(error).__name__}: {error}"
        return to_dead_letter(body.kept, names, now_s=now_s, reason="unreadable", error=text)
    # The trace here, not at the append: a record of the spool is appended once the call is over.
    headers = {**to_headers(Source.WEBHOOK, now_s=now_s), **(trace or {})}
    return Judgement(Accepted(names.notifications, key, body.kept, headers))


def to_dead_letter(
    value: bytes, names: TopicNames, *, now_s: float, reason: str, error: str
) -> Judgement:
    """Return the dead letter for what never reached `notifications`: it has no offset there."""
    headers = to_dead_letter_headers(
        stage=STAGE,
        reason=reason,
        error=error,
        topic=names.notifications,
        partition=-1,
        offset=-1,
        now_s=now_s,
    )
    return Judgement(Accepted(names.dead_letters, None, value, headers), reason)


def _to_code(body: Body) -> str:
    if body.is_oversized:
        raise MalformedNotification(
            f"the body has {body.received_bytes} bytes{'' if body.is_whole else ' or more'}; "
            f"the most is {BODY_MAX_BYTES}, the head is kept",
            reason="too_large",
        )
    code = parse_code(body.kept)
    if is_deeper(body.kept, DEPTH_MAX):
        raise MalformedNotification(f"nested deeper than {DEPTH_MAX}", reason="too_deep")
    return code


def is_deeper(json: bytes, depth_max: int) -> bool:
    """Whether valid JSON nests deeper than *depth_max*."""
    if json.count(b"[") + json.count(b"{") <= depth_max:
        return False  # so says a glance at nearly every body
    brackets = _STRINGS.sub(b"", json).translate(_ONE_SHAPE, _NO_BRACKETS)
    for _ in range(depth_max):
        if not brackets:
            break
        brackets = brackets.replace(b"[]", b"")  # the innermost level goes
    return bool(brackets)
