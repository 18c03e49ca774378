"""The language analyzer of a locale: those that a stock Elasticsearch has."""

from typing import Final

STANDARD: Final = "standard"

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


def to_analyzer(locale: str) -> str:
    """Return the analyzer's name; a language that has none is cut into words, nothing more."""
    lowered = locale.lower().replace("-", "_")
    language = lowered.partition("_")[0]
    return _BY_LOCALE.get(lowered, _BY_LANGUAGE.get(language, STANDARD))
