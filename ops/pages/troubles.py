"""What went wrong, in a sentence for whoever looks at a page."""

from elasticsearch import ApiError, NotFoundError, TransportError

from ops.collector import to_reason
from runtime.errors import QuindexError


def to_trouble(error: BaseException) -> str:
    """Return who does not answer, what was said, and the next command."""
    said = to_reason(error).rstrip(".")
    if isinstance(error, NotFoundError):
        return f"An index is missing: {said}. Next: quindex setup"
    if isinstance(error, (ApiError, TransportError)):
        return f"Elasticsearch does not answer as it should: {said}. Next: quindex doctor"
    if isinstance(error, QuindexError):
        return f"{said}. Next: quindex doctor"
    return f"Kafka does not answer as it should: {said}. Next: quindex doctor"
