"""A file of rules that cannot be used is a mistake in the settings, with all that is wrong in it."""

from pathlib import Path

import pytest

from runtime.errors import SettingsInvalid
from sinks.attribute_rules import NO_RULES
from sinks.rules_file import load_rules


def test_without_a_file_there_are_no_rules() -> None:
    assert load_rules("") is NO_RULES


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "attributes.toml"
    file.write_text("[attributes.color]\nboost = 2\n")

    assert load_rules(str(file)).boosts == {"color": 2.0}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"QUINDEX_ATTRIBUTES names .*none\.toml"):
        load_rules(str(tmp_path / "none.toml"))


def test_all_mistakes_in_a_file_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "attributes.toml"
    file.write_text("[attributes.a]\nboost = 0\n[attributes.b]\nfacets = true\n[other]\n")
    with pytest.raises(SettingsInvalid) as caught:
        load_rules(str(file))

    message = str(caught.value)
    assert str(file) in message
    assert all(f"  {name}" in message for name in ("attributes.a", "attributes.b", "other"))
    assert "docs/searching.md" in message
