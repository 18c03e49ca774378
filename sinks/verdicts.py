"""What an answer of Elasticsearch means for the document that it is about."""

from collections.abc import Mapping
from typing import Any, Final

from sinks.writes import Answer, Verdict

_CONFLICT: Final = 409
_TOO_LARGE: Final = 413
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_BLOCKED: Final = "cluster_block_exception"

_DOCUMENT_FAULTS: Final = frozenset(
    {
        "action_request_validation_exception",  # the id is too long, refused for the whole bulk
        "document_parsing_exception",
        "json_parse_exception",
        "mapper_parsing_exception",
        "max_bytes_length_exceeded_exception",
        "parse_exception",
        "parsing_exception",
        "strict_dynamic_mapping_exception",
        "x_content_e_o_f_exception",
        "x_content_parse_exception",
    }
)
_ARGUMENT_FAULT: Final = "illegal_argument_exception"
_NOT_THE_DOCUMENT: Final = ("alias", "write index", "unrecognized parameter", "unknown parameter")
"""In the reason of an illegal argument: the installation is at fault, not the document."""


def to_answer(status: int, error: Mapping[str, Any] | None) -> Answer:
    """
    Return the verdict on one document: of its item in a bulk, or of a bulk of its own.

    *error* is the server's object with `type` and `reason`, if it gave one.
    """
    if 200 <= status < 300:  # noqa: PLR2004  # success, as HTTP counts
        return Answer(Verdict.OK)
    kind = str((error or {}).get("type", f"http_{status}"))
    text = f"{status} {kind}: {to_reason(error)}"
    if status == _CONFLICT:
        return Answer(Verdict.STALE)
    if status in _BUSY or kind == _BLOCKED:
        return Answer(Verdict.AGAIN, kind, text)
    if status == _TOO_LARGE:
        return Answer(Verdict.DEAD, "document_too_large", text)
    if is_document_fault(kind, to_reason(error)):
        return Answer(Verdict.DEAD, kind, text)
    return Answer(Verdict.STOP, kind, text)


def is_document_fault(kind: str, reason: str) -> bool:
    """Return whether an error of status 400 is about the document and not the installation."""
    if kind == _ARGUMENT_FAULT:
        return not any(words in reason for words in _NOT_THE_DOCUMENT)
    return kind in _DOCUMENT_FAULTS


def to_reason(error: Mapping[str, Any] | None) -> str:
    """Return the server's text with that of its causes, outermost first."""
    reasons: list[str] = []
    while isinstance(error, Mapping) and len(reasons) < 4:  # noqa: PLR2004  # enough to understand
        reasons.append(str(error.get("reason", "")))
        error = error.get("caused_by")
    return ": ".join(filter(None, reasons))
