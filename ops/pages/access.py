"""
Who may see the console, and whose actions are meant.

A session is a signed cookie: a random id, when it ends, and whether its holder knows the token. An
action carries a second value signed for the same session, which no other page can read. Pure: keys
and time are passed in.
"""

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

SESSION_S: Final = 12 * 3_600.0
GUESSES_MAX: Final = 10
GUESSES_WITHIN_S: Final = 60.0
"""So many wrong tokens within that time, from anybody: then nobody may try for a while."""
_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie said; *is_known* means that its holder has given the token."""

    id: str
    ends_s: float
    is_known: bool


class Keys:
    """Signs and checks sessions; with another *secret*, all of them have ended."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"quindex console\0" + secret.encode()).digest()

    def to_cookie(self, session: Session) -> str:
        """Return the cookie's value."""
        body = f"{session.id}.{session.ends_s:.0f}.{int(session.is_known)}"
        return f"{body}.{self._sign('session', body)}"

    def parse_cookie(self, value: str, now_s: float) -> Session | None:
        """Return the session; None: it is not ours, or over."""
        parts = value.split(".")
        if len(parts) != _PARTS or not value.isascii():
            return None
        id_, ends, known, signature = parts
        if not hmac.compare_digest(signature, self._sign("session", f"{id_}.{ends}.{known}")):
            return None
        session = Session(id_, float(ends), known == "1")
        return session if session.ends_s > now_s else None

    def to_action_token(self, session: Session) -> str:
        """Return what a form of this session must carry."""
        return self._sign("action", session.id)

    def is_meant(self, session: Session, given: str) -> bool:
        """Whether an action comes from a page of this session."""
        return given.isascii() and hmac.compare_digest(given, self.to_action_token(session))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


class Guesses:
    """Bounds how often a token may be guessed, with time passed in."""

    def __init__(self) -> None:
        self._wrong_s: list[float] = []

    def may_try(self, now_s: float) -> bool:
        """Whether another guess is looked at."""
        self._wrong_s = [at_s for at_s in self._wrong_s if at_s > now_s - GUESSES_WITHIN_S]
        return len(self._wrong_s) < GUESSES_MAX

    def failed(self, now_s: float) -> None:
        """Note a wrong guess."""
        self._wrong_s.append(now_s)


def is_same(given: str, token: str) -> bool:
    """Compare in constant time, whatever the lengths."""
    digests = [hashlib.sha256(each.encode("utf-8", "replace")).digest() for each in (given, token)]
    return hmac.compare_digest(*digests)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a listener on *host*."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # any other name, whatever it begins with: its owner says what it stands for
        return False


def is_own_host(header: str, *, any_host: bool) -> bool:
    """
    Whether a request was meant for us, by its Host header.

    Without a token, a name that a stranger's page had resolved to this machine would be let in.
    """
    if any_host:
        return bool(header)
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name)


def is_from_here(*, site: str | None, mode: str | None, origin: str | None, host: str) -> bool:
    """
    Whether a request comes from a page of ours, or was typed, by what the browser says of it.

    Links from elsewhere may open a page; nothing else may come from elsewhere.
    """
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    return site in {None, "same-origin", "none"} or (mode == "navigate" and origin is None)
