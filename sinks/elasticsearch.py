"""The sink that is Elasticsearch."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from elastic_transport import OrjsonSerializer
from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from runtime.errors import SettingsInvalid, SinkUnavailable
from runtime.settings import Settings
from sinks.bulk import to_answers, to_operations
from sinks.verdicts import to_answer
from sinks.writes import Answer, Verdict, Write

REQUEST_TIMEOUT_S: Final = 30.0
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
"""Compressing for these costs more than it saves: 9 ms for 500 documents."""

_SPLITTABLE: Final = (400, 413)
_JSON: Final = ("application/json", "application/vnd.elasticsearch+json")
_BULK_FIELDS: Final = ["took", "errors", "items.*.status", "items.*.error"]


def connect(
    settings: Settings, *, request_timeout_s: float = REQUEST_TIMEOUT_S
) -> AsyncElasticsearch:
    """
    Return a client; the caller closes it.

    The transport retries nothing: it would do so at once, without a pause.

    Raises:
        SettingsInvalid: there can be no client of such settings.
    """
    secret = settings.elasticsearch_api_key.get_secret_value()
    user, password = (
        settings.elasticsearch_username,
        settings.elasticsearch_password.get_secret_value(),
    )
    options: dict[str, Any] = {}
    if secret:
        options["api_key"] = secret
    elif user:
        options["basic_auth"] = (user, password)
    if settings.elasticsearch_ca:
        options["ca_certs"] = settings.elasticsearch_ca
    try:
        return AsyncElasticsearch(
            settings.elasticsearch,
            request_timeout=request_timeout_s,
            max_retries=0,
            retry_on_timeout=False,
            http_compress=urlsplit(settings.elasticsearch).hostname not in _LOOPBACK,
            serializers={mimetype: OrjsonSerializer() for mimetype in _JSON},
            **options,
        )
    except (ValueError, OSError) as error:  # certificates that are not there, or are none
        raise SettingsInvalid(
            f"Elasticsearch cannot be connected to as QUINDEX_ELASTICSEARCH_* say: {error}."
        ) from error


class ElasticsearchSink:
    """Writes through aliases, each document with its version."""

    def __init__(self, client: AsyncElasticsearch) -> None:
        self._client = client

    async def write(self, writes: Sequence[Write]) -> list[Answer]:
        """
        Write each document unless a newer version is there; return the answers by position.

        A bulk that is refused as a whole is halved until the document at fault is alone.

        Raises:
            SinkUnavailable: any of them may or may not be written; write all of them again.
        """
        try:
            response = await self._client.bulk(
                operations=to_operations(writes),  # type: ignore[arg-type]  # encoded lines pass
                filter_path=_BULK_FIELDS,
            )
        except ApiError as error:
            return await self._handle_refusal(writes, error)
        except TransportError as error:  # no answer, or none that can be read
            raise SinkUnavailable(f"elasticsearch: {error.message}") from error
        return to_answers(response["items"])

    async def _handle_refusal(self, writes: Sequence[Write], error: ApiError) -> list[Answer]:
        status = error.meta.status
        answer = to_answer(status, to_error(error))
        if answer.verdict is Verdict.AGAIN:
            raise SinkUnavailable(f"elasticsearch: {answer.error}") from error
        if answer.verdict is Verdict.DEAD and status in _SPLITTABLE and len(writes) > 1:
            middle = len(writes) // 2
            return [*await self.write(writes[:middle]), *await self.write(writes[middle:])]
        return [answer] * len(writes)


def to_error(error: ApiError) -> dict[str, Any]:
    """Return type and reason; a proxy in between, or the answer to HEAD, may tell neither."""
    body = error.body
    found = body.get("error") if isinstance(body, dict) else None
    if isinstance(found, dict):
        return found
    return {"type": f"http_{error.meta.status}", "reason": str(found or body or "")[:500]}
