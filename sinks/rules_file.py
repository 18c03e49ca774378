"""Reads `attributes.toml`, with mistakes as an operator can mend them."""

from pathlib import Path

from runtime.errors import SettingsInvalid
from sinks.attribute_rules import NO_RULES, AttributeRules, parse_rules


def load_rules(path: str) -> AttributeRules:
    """
    Read the file at *path*; no path, no rules.

    Raises:
        SettingsInvalid: it cannot be read; lists every mistake in it.
    """
    if not path:
        return NO_RULES
    try:
        return parse_rules(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(
            f"QUINDEX_ATTRIBUTES names {path}, which cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise SettingsInvalid(
            f"The file {path} (QUINDEX_ATTRIBUTES) is not right:\n{error}\n"
            "docs/searching.md describes what it can say."
        ) from error
