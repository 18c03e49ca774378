"""
The shape of a search document is a contract: whoever changes it changes this file, and sees it.

A change is told in docs/searching.md and in the changelog. To write the file anew, delete it and
run this test.
"""

from pathlib import Path
from typing import Any

import orjson

from pim.kinds import Kind
from sinks.documents import project
from sinks.mappings import to_mappings, to_settings
from tests.sinks.examples import NOW_S, snapshot

FOLDER = Path(__file__).parents[1] / "golden"
VARIANT = {
    "document": {"id": "short-skirt-yellow"},
    "attributes": {"variant_name": {"fr_FR": "Jupe, S"}, "variant_stock": 3},
}
ASSET = {
    "name": {"fr_FR": "Photo"},
    "classification": {"id": "photos"},
    "attributes": {"mannequin": "Zoé"},
    "documentLinks": [
        {"linkType": {"id": "main"}, "origin": {"id": "skirt"}, "target": {"id": "photo-1"}}
    ],
}
CLASSIFICATION = {"name": {"fr_FR": "Jupes"}, "parent": {"id": "clothes"}}


def check(name: str, now: Any) -> None:
    path = FOLDER / name
    if not path.exists():
        path.write_bytes(orjson.dumps(now, option=orjson.OPT_INDENT_2) + b"\n")

    assert orjson.loads(orjson.dumps(now)) == orjson.loads(path.read_bytes())


def test_search_documents_are_what_they_were() -> None:
    shots = [
        snapshot(),
        snapshot("short-skirt-yellow-S", kind=Kind.VARIANT, resource=VARIANT),
        snapshot("photo-1", kind=Kind.ASSET, resource=ASSET),
        snapshot("skirts", kind=Kind.CLASSIFICATION, resource=CLASSIFICATION),
        snapshot("gone", deleted=True),
    ]
    chain = ("fr_BE", "fr_FR")

    check(
        "search_documents.json",
        [project(shot, chain=chain, types={}, indexed_s=NOW_S) for shot in shots],
    )


def test_indices_are_what_they_were() -> None:
    check(
        "indices.json",
        {
            locale: {"settings": to_settings(locale), "mappings": to_mappings(locale)}
            for locale in ("fr_FR", "en_GB", "de_DE", "sv_SE")
        },
    )
