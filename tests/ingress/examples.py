"""What the ingress's tests share: names, bodies, and records as they are accepted."""

from typing import Final

import orjson

from ingress.accepted import Accepted
from topics.names import TopicNames
from topics.notifications import Source, to_headers

NAMES: Final = TopicNames("quindex")
AUTHORIZATION: Final = "Bearer of the tests"


def to_body(code: str, *, event: str = "document.update", uuid: str = "u") -> bytes:
    """Return the body of a call."""
    return orjson.dumps({"uuid": uuid, "code": event, "resource": {"code": code}})


def to_accepted(
    code: str, *, event: str = "document.update", uuid: str = "u", now_s: float = 1.0
) -> Accepted:
    """Return a notification as the ingress accepts it."""
    return Accepted(
        NAMES.notifications,
        code.encode(),
        to_body(code, event=event, uuid=uuid),
        to_headers(Source.WEBHOOK, now_s=now_s),
    )
