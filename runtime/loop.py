"""The event loop of long-running processes."""

from typing import Any, Final

import uvloop

GOODBYE_MAX_S: Final = 0.5
"""How long a TLS connection that we close waits for the other side's goodbye."""


class Loop(uvloop.Loop):
    """
    uvloop's, that lets go of a TLS connection at once.

    Its own wait is 30 s, and a broker that still owes an answer says no goodbye: each read of a
    small topic would take half a minute.
    """

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:
        """Connect as uvloop does."""
        if options.get("ssl"):
            options.setdefault("ssl_shutdown_timeout", GOODBYE_MAX_S)
        return await super().create_connection(*arguments, **options)
