"""
What a stock Elasticsearch is documented to make of texts, by the filters that our mappings use.

The examples are those of Elasticsearch's reference, or say what it describes; run with QUINDEX_TEST_STACK=containers, the official image has to pass them too.
"""

from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch

from sinks.indices import ensure_indices
from stack.choose import Servers
from tests.sinks.cluster import open_cluster

pytestmark = pytest.mark.stack

ELISION = {
    "type": "elision",
    "articles_case": True,
    "articles": ["l", "m", "t", "qu", "n", "s", "j"],
}
ENGLISH = {"type": "stemmer", "language": "english"}
POSSESSIVE = {"type": "stemmer", "language": "possessive_english"}
FRENCH = {"type": "stemmer", "language": "light_french"}
STOP = {"type": "stop", "stopwords": "_english_"}
PREFIXES = {"type": "edge_ngram", "min_gram": 1, "max_gram": 2}
KEPT = PREFIXES | {"preserve_original": True}


@pytest.mark.parametrize(
    ("filters", "text", "tokens"),
    [
        (["asciifolding"], "açaí à la carte", ["acai", "a", "la", "carte"]),
        (["asciifolding"], "Größe Œuvre", ["Grosse", "OEuvre"]),
        ([PREFIXES], "the quick", ["t", "th", "q", "qu"]),
        ([KEPT], "fox", ["f", "fo", "fox"]),
        ([ELISION], "j'examine l'été près du wharf", ["examine", "été", "près", "du", "wharf"]),
        (["lowercase"], "THE Quick FoX", ["the", "quick", "fox"]),
        ([STOP], "a quick fox jumps over the lazy dog", ["quick", "fox", "jumps", "over", "lazy", "dog"]),
        ([ENGLISH], "the foxes jumping quickly", ["the", "fox", "jump", "quickli"]),
        ([POSSESSIVE], "dog's dogs", ["dog", "dogs"]),
        ([FRENCH], "chevaux cheval", ["cheval", "cheval"]),
    ],
)  # fmt: skip
def test_a_filter_does_what_the_reference_says(
    servers: Servers, filters: list[Any], text: str, tokens: list[str]
) -> None:
    async def main(client: AsyncElasticsearch) -> list[str]:
        found = await client.indices.analyze(tokenizer="standard", filter=filters, text=text)
        return [each["token"] for each in found["tokens"]]

    with open_cluster(servers.elasticsearch) as cluster:
        assert cluster.run(main) == tokens


@pytest.mark.parametrize(
    ("locale", "analyzer", "text", "tokens"),
    [
        ("fr_FR", "language", "Les jupes légères d'été", ["jupe", "leger", "ete"]),
        ("fr_FR", "words", "L'Été à Größe", ["ete", "a", "grosse"]),
        ("fr_FR", "prefix", "d'Été", ["e", "et", "ete"]),
        ("en_GB", "language", "The women's cafés", ["women", "cafe"]),
        ("en_GB", "words", "The women's cafés", ["the", "women", "cafes"]),
        ("de_DE", "german", "Die Röcke, Roecke und weiße Mäntel", ["rock", "rock", "weiss", "mantel"]),
        ("de_DE", "words", "Die Röcke", ["die", "rocke"]),
    ],
)  # fmt: skip
def test_an_index_analyses_as_its_locale_reads(
    servers: Servers, locale: str, analyzer: str, text: str, tokens: list[str]
) -> None:
    async def main(client: AsyncElasticsearch) -> list[str]:
        await ensure_indices(client, prefix=cluster.prefix, locales=[locale])
        index = f"{cluster.prefix}-{locale.lower()}"
        found = await client.indices.analyze(index=index, analyzer=analyzer, text=text)
        return [each["token"] for each in found["tokens"]]

    with open_cluster(servers.elasticsearch) as cluster:
        assert cluster.run(main) == tokens
