"""
How the texts of a locale are analysed: by what a stock Elasticsearch has, and no plugin.

French and English are put together here, as the analyzer `language`; the others are the server's
own. The analyzers `words` and `prefix` fold accents and stem nothing.
"""

from typing import Any, Final

LANGUAGE: Final = "language"
WORDS: Final = "words"
PREFIX: Final = "prefix"
SORT: Final = "sort"
"""A normalizer: as far as the stock server sorts by the rules of a language."""

STANDARD: Final = "standard"
PREFIX_MAX_CHARS: Final = 20

_BY_LANGUAGE: Final = {
    "ar": "arabic",
    "bg": "bulgarian",
    "bn": "bengali",
    "ca": "catalan",
    "ckb": "sorani",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "gl": "galician",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "ja": "cjk",
    "ko": "cjk",
    "lt": "lithuanian",
    "lv": "latvian",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "th": "thai",
    "tr": "turkish",
    "zh": "cjk",
}
_BY_LOCALE: Final = {"pt_br": "brazilian"}

# fmt: off
_ELISION: Final[dict[str, Any]] = {
    "type": "elision",
    "articles_case": True,
    "articles": ["l", "m", "t", "qu", "n", "s", "j", "d", "c", "jusqu", "quoiqu", "lorsqu", "puisqu"],
}
# Without accents, since these are folded before. The server's own list has "été", which is a
# season before it is a participle.
_FRENCH_STOPWORDS: Final = ["a", "au", "aux", "avec", "ce", "ces", "cet", "cette", "dans", "de", "des", "du", "elle", "en", "et", "eux", "il", "ils", "je", "la", "le", "les", "leur", "leurs", "lui", "ma", "mais", "me", "mes", "moi", "mon", "ne", "nos", "notre", "nous", "on", "ou", "par", "pas", "pour", "qu", "que", "qui", "sa", "se", "ses", "son", "sur", "ta", "te", "tes", "toi", "ton", "tu", "un", "une", "vos", "votre", "vous", "y"]
# fmt: on

_FRENCH: Final[dict[str, Any]] = {
    "filter": {
        "elision": _ELISION,
        "stopwords": {"type": "stop", "stopwords": _FRENCH_STOPWORDS},
        "stems": {"type": "stemmer", "language": "light_french"},
    },
    "chain": ["elision", "lowercase", "asciifolding", "stopwords", "stems"],
    "words": ["elision", "lowercase", "asciifolding"],
}
_ENGLISH: Final[dict[str, Any]] = {
    "filter": {
        "possessives": {"type": "stemmer", "language": "possessive_english"},
        "stopwords": {"type": "stop", "stopwords": "_english_"},
        "stems": {"type": "stemmer", "language": "english"},
    },
    "chain": ["possessives", "lowercase", "asciifolding", "stopwords", "stems"],
    "words": ["possessives", "lowercase", "asciifolding"],
}
_OWN: Final = {"french": _FRENCH, "english": _ENGLISH}
_PLAIN: Final = ["lowercase", "asciifolding"]
_UNFOLDED: Final = frozenset({"da", "et", "fi", "nb", "nn", "no", "sv"})
"""Languages that sort letters such as å and ö behind z, where Unicode has them too."""


def to_analyzer(locale: str) -> str:
    """Return the language's name; one that Elasticsearch does not know is `standard`."""
    lowered = locale.lower().replace("-", "_")
    return _BY_LOCALE.get(lowered, _BY_LANGUAGE.get(_to_language(locale), STANDARD))


def to_text_analyzer(locale: str) -> str:
    """Return the analyzer of a locale's texts: the server's own, or `language`."""
    name = to_analyzer(locale)
    return LANGUAGE if name in _OWN else name


def to_analysis(locale: str) -> dict[str, Any]:
    """Return the analysis settings of a locale's index."""
    own = _OWN.get(to_analyzer(locale))
    words = _PLAIN if own is None else own["words"]
    prefixes = {
        "type": "edge_ngram",
        "min_gram": 1,
        "max_gram": PREFIX_MAX_CHARS,
        "preserve_original": True,
    }
    return {
        "filter": {"prefixes": prefixes} | ({} if own is None else own["filter"]),
        "analyzer": {
            WORDS: _to_custom(words),
            PREFIX: _to_custom([*words, "prefixes"]),
        }
        | ({} if own is None else {LANGUAGE: _to_custom(own["chain"])}),
        "normalizer": {
            SORT: {
                "type": "custom",
                "filter": ["lowercase"] if _to_language(locale) in _UNFOLDED else _PLAIN,
            }
        },
    }


def _to_language(locale: str) -> str:
    return locale.lower().replace("-", "_").partition("_")[0]


def _to_custom(filters: list[str]) -> dict[str, Any]:
    return {"type": "custom", "tokenizer": "standard", "filter": filters}
