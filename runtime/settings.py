"""
What an operator can set: environment variables QUINDEX_*, also from a file `.env`.

Read once, by the command that starts; everything else is handed values. Every field is documented
in docs/settings.md.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from runtime.errors import SettingsInvalid

PREFIX: Final = "QUINDEX_"
_FILE_SUFFIX: Final = "_FILE"
_FOREIGN: Final = ("QUINDEX_TEST_", "QUINDEX_SIMULATOR_", "QUINDEX_CACHE", "QUINDEX_FAULT_")
"""Names that begin like settings and are none: the tests', the simulator's, the local stack's."""


def _to_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _to_pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        locale, colon, parent = part.partition(":")
        if not colon or not locale.strip() or not parent.strip():
            raise ValueError(f"{part!r} is not LOCALE:FALLBACK, such as fr_BE:fr_FR")
        pairs[locale.strip()] = parent.strip()
    return pairs


Names = Annotated[tuple[str, ...], BeforeValidator(_to_list)]
Pairs = Annotated[dict[str, str], BeforeValidator(_to_pairs)]
Port = Annotated[int, Field(ge=0, le=65535)]
Share = Annotated[float, Field(gt=0, le=1)]
Prefix = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
KindName = Literal["document", "variant", "asset", "classification"]
Kinds = Annotated[tuple[KindName, ...], BeforeValidator(_to_list), Field(min_length=1)]


class Settings(BaseModel):
    """What an operator can set. An empty string means: not set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kafka: str = ""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr = SecretStr("")
    kafka_ca: str = ""
    topic_prefix: Prefix = "quindex"
    replication_factor: PositiveInt = 3
    session_timeout_s: PositiveFloat = 30.0

    elasticsearch: str = ""
    elasticsearch_api_key: SecretStr = SecretStr("")
    elasticsearch_username: str = ""
    elasticsearch_password: SecretStr = SecretStr("")
    elasticsearch_ca: str = ""
    index_prefix: Prefix = "quindex"
    locales: Names = ()
    locale_fallbacks: Pairs = {}
    attributes: str = ""

    pim_url: str = ""
    pim_token: SecretStr = SecretStr("")
    pim_quota_10min: PositiveInt = 6_000
    pim_quota_24h: PositiveInt = 300_000
    pim_quota_window_s: PositiveFloat = 600.0
    pim_quota_share: Share = 0.8
    pim_batch_max: Annotated[int, Field(ge=1, le=100)] = 50
    unannounced_deletes_max: NonNegativeInt | None = None
    kinds: Kinds = ("document", "variant", "asset", "classification")
    document_types: Names = ()

    lead_s: PositiveFloat = 0.2
    quiet_s: PositiveFloat = 2.0
    delay_max_s: Annotated[PositiveFloat, Field(validate_default=True)] = 15.0

    webhook_authorization: SecretStr = SecretStr("")
    webhook_authorization_next: SecretStr = SecretStr("")
    webhook_silent_s: PositiveFloat = 900.0
    ingress_host: str = "127.0.0.1"
    ingress_port: Port = 8080
    spool_path: str = ".quindex/spool"

    ops_host: str = "127.0.0.1"
    ops_port: Port = 0
    console_host: str = "127.0.0.1"
    console_port: Port = 8090
    console_token: SecretStr = SecretStr("")
    otlp_endpoint: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("pim_url", "elasticsearch", "otlp_endpoint")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("is not an address such as https://host:port")
        if parts.username or parts.password:
            raise ValueError("holds credentials; give them by their own settings")
        return value.rstrip("/")

    @field_validator("locale_fallbacks")
    @classmethod
    def _ends_somewhere(cls, value: dict[str, str]) -> dict[str, str]:
        for locale in value:
            _to_chain(locale, value)
        return value

    @field_validator("delay_max_s")
    @classmethod
    def _is_in_order(cls, value: float, info: ValidationInfo) -> float:
        lead_s, quiet_s = info.data.get("lead_s", 0.0), info.data.get("quiet_s", value)
        if not lead_s <= quiet_s <= value:
            raise ValueError("it must hold that LEAD_S <= QUIET_S <= DELAY_MAX_S")
        return value

    def fallback_chain(self, locale: str) -> tuple[str, ...]:
        """Return *locale* and the locales it falls back to, nearest first."""
        return _to_chain(locale, self.locale_fallbacks)


SECRETS: Final = tuple(
    name for name, field in Settings.model_fields.items() if field.annotation is SecretStr
)


def load_settings(
    environ: Mapping[str, str], *, needs: Iterable[str] = (), env_file: Path | None = Path(".env")
) -> Settings:
    """
    Read and check all settings; *needs* names the fields that the command cannot do without.

    A variable wins over the same name in *env_file*. A secret may lie in a file that NAME_FILE
    names; a trailing line end is not part of it.

    Raises:
        SettingsInvalid: lists every mistake, with a suggestion for a misspelt name.
    """
    given = {k: v for k, v in _read_env_file(env_file).items() if k.startswith(PREFIX)}
    given |= {k: v for k, v in environ.items() if k.startswith(PREFIX)}
    values, mistakes = _to_values(given)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        mistakes += [_to_mistake(detail) for detail in error.errors()]
        wrong = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
        settings = Settings()  # of no use, since there are mistakes
        missing = [name for name in needs if name not in values and name not in wrong]
    else:
        missing = [name for name in needs if _is_empty(getattr(settings, name))]
    mistakes += [f"{to_variable(name)} is not set; it is needed here" for name in missing]
    if mistakes:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        raise SettingsInvalid(
            f"The settings are not right:\n{lines}\n"
            "Set them in the environment or in a file .env; docs/settings.md describes each."
        )
    return settings


def to_variable(name: str) -> str:
    """Return the environment variable of a field."""
    return PREFIX + name.upper()


def _to_chain(locale: str, fallbacks: Mapping[str, str]) -> tuple[str, ...]:
    chain = [locale]
    while (parent := fallbacks.get(chain[-1])) is not None:
        if parent in chain:
            raise ValueError(f"goes round in a circle at {parent}")
        chain.append(parent)
    return tuple(chain)


def _is_empty(value: object) -> bool:
    return not (value.get_secret_value() if isinstance(value, SecretStr) else value)


def _read_env_file(path: Path | None) -> Mapping[str, str]:
    if path is None or not path.is_file():
        return {}
    return {key: value for key, value in dotenv_values(path).items() if value is not None}


def _to_values(given: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for variable in sorted(given):
        name = variable.removeprefix(PREFIX).lower()
        secret = name.removesuffix(_FILE_SUFFIX.lower())
        if name in Settings.model_fields:
            if given[variable] != "":
                values[name] = given[variable]
        elif name != secret and secret in SECRETS:
            if given[variable] == "":
                continue
            try:
                values[secret] = Path(given[variable]).read_text("utf-8").rstrip("\r\n")
            except OSError as error:
                mistakes.append(f"{variable}: cannot read the file: {error.strerror}")
            except UnicodeDecodeError:
                mistakes.append(f"{variable}: cannot read the file: it is not UTF-8")
        elif not variable.startswith(_FOREIGN):
            mistakes.append(_to_unknown(variable))
    return values, mistakes


def _to_unknown(variable: str) -> str:
    known = [to_variable(name) for name in Settings.model_fields]
    close = difflib.get_close_matches(variable, known, n=1, cutoff=0.7)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{variable} is not a setting{hint}"


def _to_mistake(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{to_variable(str(detail['loc'][0]))}: {message[0].lower()}{message[1:]}"
