"""What an operator can set, and how mistakes are told."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime.errors import SettingsInvalid
from runtime.settings import SECRETS, Settings, load_settings, to_variable

SECRET = "do-not-show-this"  # noqa: S105  # looked for in everything that is printed


def load(needs: Iterable[str] = (), **given: str) -> Settings:
    environ = {f"QUINDEX_{name.upper()}": value for name, value in given.items()}
    return load_settings(environ, needs=needs, env_file=None)


def mistakes(needs: Iterable[str] = (), **given: str) -> list[str]:
    """Return the lines that list the mistakes."""
    with pytest.raises(SettingsInvalid) as caught:
        load(needs, **given)
    return [line.strip() for line in str(caught.value).splitlines()[1:-1]]


def test_nothing_set_gives_the_defaults() -> None:
    assert load() == Settings()
    assert (load().topic_prefix, load().quiet_s, load().pim_batch_max) == ("quindex", 2.0, 50)


def test_texts_become_what_the_fields_hold() -> None:
    settings = load(
        locales="fr_FR, en_GB,",
        locale_fallbacks="fr_BE:fr_FR, fr_CH : fr_FR",
        kinds="document,asset",
        pim_quota_10min="600",
        pim_quota_share="0.5",
        unannounced_deletes_max="0",
        pim_url="https://shop.quable.com/",
    )

    assert settings.locales == ("fr_FR", "en_GB")
    assert settings.locale_fallbacks == {"fr_BE": "fr_FR", "fr_CH": "fr_FR"}
    assert settings.kinds == ("document", "asset")
    assert (settings.pim_quota_10min, settings.pim_quota_share) == (600, 0.5)
    assert settings.unannounced_deletes_max == 0
    assert settings.pim_url == "https://shop.quable.com"


def test_values_that_are_no_texts_are_taken_as_they_are() -> None:
    settings = Settings(locales=("fr_FR",), locale_fallbacks={"fr_BE": "fr_FR"})

    assert settings.fallback_chain("fr_BE") == ("fr_BE", *settings.locales)


def test_an_empty_text_means_not_set() -> None:
    assert load(topic_prefix="", quiet_s="", pim_token_file="") == Settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().quiet_s = 3.0


def test_all_mistakes_are_listed_at_once() -> None:
    found = mistakes(
        needs=["kafka", "pim_token"],
        quiet_s="soon",
        ingress_port="70000",
        pim_url="shop.quable.com",
        topic_prefix="Upper Case",
        kinds="document,page",
        locale_fallbacks="fr_BE",
        pim_toke="x",  # a misspelt name
        lead_s="20",
    )

    assert [line.split(":")[0].split(" ")[0] for line in found] == [
        "QUINDEX_PIM_TOKE",
        "QUINDEX_TOPIC_PREFIX",
        "QUINDEX_LOCALE_FALLBACKS",
        "QUINDEX_PIM_URL",
        "QUINDEX_KINDS",
        "QUINDEX_QUIET_S",
        "QUINDEX_DELAY_MAX_S",  # LEAD_S is longer
        "QUINDEX_INGRESS_PORT",
        "QUINDEX_KAFKA",
        "QUINDEX_PIM_TOKEN",
    ]


def test_mistakes_of_several_fields_together_are_listed_with_the_others() -> None:
    found = mistakes(lead_s="3", locale_fallbacks="fr_BE:fr_FR,fr_FR:fr_BE", ingress_port="nowhere")

    assert len(found) == 3
    assert any("LEAD_S <= QUIET_S <= DELAY_MAX_S" in line for line in found)
    assert any("circle" in line for line in found)


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("KAKFA", "KAFKA"), ("PIM_TOKENS", "PIM_TOKEN"), ("QUIET_SECONDS", None), ("XYZZY", None)],
)
def test_a_misspelt_name_gets_a_suggestion(misspelt: str, meant: str | None) -> None:
    (line,) = mistakes(**{misspelt: "x"})

    assert line.startswith(f"QUINDEX_{misspelt} is not a setting")
    assert (f"did you mean QUINDEX_{meant}?" in line) is (meant is not None)


def test_variables_of_tests_and_of_others_are_left_alone() -> None:
    environ = {
        "QUINDEX_TEST_KAFKA": "x",
        "QUINDEX_SIMULATOR_PORT": "x",
        "QUINDEX_CACHE": "x",
        "QUINDEX_FAULT_POINT": "x",
        "PATH": "x",
    }

    assert load_settings(environ, env_file=None) == Settings()


def test_what_is_needed_and_not_set_is_named() -> None:
    (line,) = mistakes(needs=["locales"])

    assert line == "QUINDEX_LOCALES is not set; it is needed here"
    assert load(needs=["locales", "pim_token"], locales="fr_FR", pim_token=SECRET).locales


@pytest.mark.parametrize("fallbacks", ["fr_BE:fr_FR,fr_FR:fr_BE", "fr_BE:fr_BE", "a:b,b:c,c:b"])
def test_fallbacks_that_go_round_in_a_circle_are_a_mistake(fallbacks: str) -> None:
    (line,) = mistakes(locale_fallbacks=fallbacks)

    assert "circle" in line


def test_a_locale_falls_back_along_its_chain() -> None:
    settings = load(locale_fallbacks="fr_BE:fr_FR,fr_FR:en_GB")

    assert settings.fallback_chain("fr_BE") == ("fr_BE", "fr_FR", "en_GB")
    assert settings.fallback_chain("de_DE") == ("de_DE",)


@pytest.mark.parametrize("fallbacks", ["fr_BE", "fr_BE:", ":fr_FR", " : "])
def test_a_fallback_is_a_pair(fallbacks: str) -> None:
    (line,) = mistakes(locale_fallbacks=fallbacks)

    assert "is not LOCALE:FALLBACK" in line


@pytest.mark.parametrize(
    "value", ["localhost:9200", "ftp://host", "https://", "https://user:do-not-show-this@host"]
)
@pytest.mark.parametrize("name", ["pim_url", "elasticsearch"])
def test_an_address_is_one_without_credentials(name: str, value: str) -> None:
    (line,) = mistakes(**{name: value})

    assert line.startswith(to_variable(name))
    assert SECRET not in line


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(name: str) -> None:
    settings = load(**{name: SECRET})

    assert getattr(settings, name) == SecretStr(SECRET)
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_shown_in_errors_either(name: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(**{name: SECRET, "quiet_s": SECRET, "kafka_security_protocol": SECRET})

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_lie_in_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f" {SECRET}\r\n")

    settings = load(needs=[name], **{f"{name}_file": str(file)})

    assert getattr(settings, name).get_secret_value() == f" {SECRET}"


def test_only_a_secret_lies_in_a_file() -> None:
    (line,) = mistakes(kafka_file="x")

    assert line == "QUINDEX_KAFKA_FILE is not a setting; did you mean QUINDEX_KAFKA?"


def test_a_file_that_cannot_be_read_is_a_mistake_like_others(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\xff\xfe")

    found = mistakes(
        pim_token_file=str(tmp_path / "missing"),
        console_token_file=str(garbage),
        elasticsearch_api_key_file=str(tmp_path),
        quiet_s="soon",
    )

    assert found == [
        "QUINDEX_CONSOLE_TOKEN_FILE: cannot read the file: it is not UTF-8",
        "QUINDEX_ELASTICSEARCH_API_KEY_FILE: cannot read the file: Is a directory",
        "QUINDEX_PIM_TOKEN_FILE: cannot read the file: No such file or directory",
        *found[3:],
    ]
    assert len(found) == 4


def test_an_empty_secret_file_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")

    (line,) = mistakes(needs=["pim_token"], pim_token_file=str(tmp_path / "empty"))
    assert line == "QUINDEX_PIM_TOKEN is not set; it is needed here"


def test_a_file_of_variables_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("QUINDEX_QUIET_S=3\nQUINDEX_TOPIC_PREFIX=shop\nOTHER=1\nQUINDEX_LEAD_S\n")

    settings = load_settings({"QUINDEX_QUIET_S": "4"}, env_file=file)

    assert (settings.quiet_s, settings.topic_prefix) == (4.0, "shop")


def test_no_file_of_variables_is_no_mistake(tmp_path: Path) -> None:
    assert load_settings({}, env_file=tmp_path / ".env") == Settings()
