"""Who may call: the raw bytes of the Authorization header, compared in constant time."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping


class Authorization:
    """
    The active secrets by name; during a rotation there are two, and both are right.

    What is compared are digests, so neither a secret's length nor how much of it was guessed
    shows in the time taken, and every active secret is compared, whichever matched first.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._digests = [
            (name, _to_digest(form))
            for name, secret in secrets.items()
            for form in sorted(_to_forms(secret))
        ]
        assert self._digests, "without a secret nobody could call"

    def match(self, given: Iterable[bytes]) -> str | None:
        """
        Return the name of the secret that one of the *given* header values equals, else None.

        Of two equal secrets the first is named.
        """
        matched = None
        for value in given:
            digest = _to_digest(value.strip(b" \t"))
            for name, active in self._digests:
                is_equal = hmac.compare_digest(digest, active)
                matched = name if is_equal and matched is None else matched
        return matched


def _to_forms(secret: str) -> set[bytes]:
    # HTTP strips blanks around a value. How the sender encodes what is not ASCII is not known.
    stripped = secret.strip(" \t")
    forms = {stripped.encode("utf-8", "surrogateescape")} if stripped else set()
    try:
        return forms | ({stripped.encode("latin-1")} if stripped else set())
    except UnicodeEncodeError:
        return forms


def _to_digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
