"""What an operator can do about an Elasticsearch that refuses us or does not answer."""

from typing import Final

from elasticsearch import ApiError, TransportError

from runtime.errors import OperatorError, Unreachable
from sinks.elasticsearch import to_error
from sinks.verdicts import to_answer
from sinks.writes import Verdict

SERVER_MAJOR: Final = 9
_UNAUTHORIZED: Final = (401, 403)


def to_operator_error(error: ApiError) -> OperatorError:
    """Return what the operator can do about a refusal."""
    status, found = error.meta.status, to_error(error)
    kind, reason = found.get("type", ""), str(found.get("reason", ""))
    if status in _UNAUTHORIZED:
        return OperatorError(
            f"Elasticsearch answered {status}: {reason} Check QUINDEX_ELASTICSEARCH_API_KEY, or "
            "user name and password; the key needs to manage, read and write the indices."
        )
    if kind == "media_type_header_exception":
        return to_wrong_version("8 or older")
    if to_answer(status, found).verdict is Verdict.AGAIN:
        return Unreachable(
            f"Elasticsearch cannot answer now: {status} {kind}: {reason} "
            "Is a node or a shard away, or is it overloaded? Run this again later."
        )
    return OperatorError(f"Elasticsearch answered {status} {kind}: {reason}")


def to_unreachable(error: TransportError) -> Unreachable:
    """Return what the operator can do when nothing answers."""
    return Unreachable(
        f"Elasticsearch does not answer: {error.message} "
        "Check QUINDEX_ELASTICSEARCH, and that the server is up."
    )


def to_wrong_version(version: str) -> OperatorError:
    """Return what the operator can do about a server that the client cannot talk to."""
    return OperatorError(
        f"Elasticsearch is of version {version}; quindex needs {SERVER_MAJOR}, since its client "
        f"asks for answers that are compatible with {SERVER_MAJOR}. Upgrade the server."
    )
