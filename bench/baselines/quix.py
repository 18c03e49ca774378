"""
The same by Quix Streams with its Elasticsearch sink, in an environment of its own.

    python -m bench.baselines.quix consumer     from notifications to Elasticsearch
    python -m bench.baselines.quix load         everything that is in the PIM, page by page

As its documentation has it: one topic of notifications, one of resources as they were read, one
sink for each index; more instances of the application share the partitions, since each does one
thing at a time. It brings no server of HTTP, so the webhook is that of direct.py. Its sink writes
whole documents only: there is no delete, no version, and nothing that knows of a quota.
"""

import os
import sys
import time
from typing import Any

import httpx
from quixstreams import Application
from quixstreams.sinks.community.elasticsearch import ElasticsearchSink

from bench.baselines.pim import (
    ELASTICSEARCH,
    KAFKA,
    LOCALES,
    PREFIX,
    RESOURCES_TOPIC,
    TIMEOUT_S,
    TOPIC,
    to_document,
    to_headers,
    to_id,
    to_index,
    to_members,
    to_page,
    to_path,
    to_pause_s,
)

TRIES_MAX = 8
COMMIT_INTERVAL_S = 0.5  # a sink writes when the application commits; 5 s by default
POLL_TIMEOUT_S = 0.1  # it commits between two polls; 1 s by default


def fetch(http: httpx.Client, path: str, **query: Any) -> Any:
    """GET; None for 404. 429 is tried again for as long as it takes, other failures a few times."""
    tries = 0
    while tries < TRIES_MAX:
        try:
            answer = http.get(path, params=query)
        except httpx.TransportError:
            time.sleep(to_pause_s(tries))
            tries += 1
            continue
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_success:
            return answer.json()
        time.sleep(to_pause_s(tries, answer.headers.get("retry-after")))
        tries += answer.status_code != httpx.codes.TOO_MANY_REQUESTS
    raise RuntimeError(f"the PIM does not answer {path}")


def open_http() -> httpx.Client:
    """Return a client of the PIM."""
    url = os.environ["QUINDEX_PIM_URL"]
    return httpx.Client(base_url=url, headers=to_headers(), timeout=TIMEOUT_S)


def to_application() -> Application:
    """Return an application that reads from the beginning and delivers at least once."""
    return Application(
        broker_address=KAFKA,
        consumer_group=f"{PREFIX}-quix",
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        commit_interval=COMMIT_INTERVAL_S,
        consumer_poll_timeout=POLL_TIMEOUT_S,
        auto_create_topics=False,
        loglevel="WARNING",
    )


def to_sink(locale: str) -> ElasticsearchSink:
    """Return the sink of a locale, whose index is there already."""
    return ElasticsearchSink(
        url=ELASTICSEARCH,
        index=to_index(locale),
        document_id_setter=lambda item: to_id(item.value["code"]),
    )


def consume() -> None:
    """Read the resource of each notification, and write what was read."""
    application, http = to_application(), open_http()
    notifications = application.topic(TOPIC, key_deserializer="str", value_deserializer="json")
    resources = application.topic(
        RESOURCES_TOPIC,
        key_deserializer="str",
        key_serializer="str",
        value_deserializer="json",
        value_serializer="json",
    )
    changed = application.dataframe(notifications)
    changed = changed.filter(lambda body: body["code"].startswith("document."))
    changed = changed.apply(lambda body: fetch(http, to_path(body["resource"]["code"])))
    changed = changed.filter(lambda resource: resource is not None)
    changed.to_topic(resources)
    read = application.dataframe(resources)
    for locale in LOCALES:
        read.apply(
            lambda resource, locale=locale: to_document(resource["id"], resource, locale)
        ).sink(to_sink(locale))
    print("worker.started", file=sys.stderr, flush=True)
    application.run()


def load() -> None:
    """Put everything on the topic of resources."""
    application, http = to_application(), open_http()
    number = 1
    with application.get_producer() as producer:
        topic = application.topic(RESOURCES_TOPIC, key_serializer="str", value_serializer="json")
        while members := to_members(fetch(http, "/api/documents", **to_page(number))):
            for each in members:
                record = topic.serialize(key=each["id"], value=each)
                producer.produce(RESOURCES_TOPIC, key=record.key, value=record.value)
            number += 1


if __name__ == "__main__":
    match sys.argv[1]:
        case "consumer":
            consume()
        case "load":
            load()
