"""Which indices `quindex index drop` may delete: those of ours that nobody reads or writes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from runtime.errors import Refused
from sinks.fields import to_alias
from sinks.generations import to_filling_prefix
from sinks.mappings import META

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")


def is_name(name: str) -> bool:
    """Whether an index of ours can have this name; Elasticsearch takes others for patterns."""
    return _NAME.fullmatch(name) is not None


def check_unused(
    names: Sequence[str], found: Mapping[str, Any], *, prefix: str, locales: Sequence[str]
) -> None:
    """
    Look whether all *names* are those of such indices; *found* is what Elasticsearch says of them.

    Raises:
        Refused: one is not; says what it is.
    """
    used = {to_alias(prefix, locale) for locale in locales}
    for name in names:
        if name not in found:
            raise Refused(_to_absent(name, found))
        index = found[name]
        made = index["mappings"].get("_meta", {}).get(META)
        if made is None:
            raise Refused(f"{name} is no index that quindex made.")
        if not name.startswith(f"{to_alias(prefix, made['locale'])}-"):
            raise Refused(f"{name} is another installation's: QUINDEX_INDEX_PREFIX is {prefix}.")
        if alias := used.intersection(index["aliases"]):
            raise Refused(f"{name} is live: it is behind the alias {', '.join(sorted(alias))}.")
        if to_alias(to_filling_prefix(prefix), made["locale"]) in index["aliases"]:
            raise Refused(f"{name} is being filled by a rebuild.")


def _to_absent(name: str, found: Mapping[str, Any]) -> str:
    behind = sorted(each for each, index in found.items() if name in index["aliases"])
    if behind:
        return f"{name} is an alias, of {', '.join(behind)}: name the index itself."
    return (
        f"No index of quindex's is named {name}; each is named in full. "
        "See quindex index list, and quindex index plan for left over ones."
    )
