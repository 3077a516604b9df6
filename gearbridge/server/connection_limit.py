"""How many may be inside at once: connections, those whose TLS handshake is under way included."""

from __future__ import annotations

import logging
import resource
import sys

_log = logging.getLogger(__name__)

#: Descriptors that are not given to connections: the store's, the log's, the event loop's, and those of a reconnect.
RESERVED = 64


class ConnectionLimit:
    """Admits at most `limit`; 0 is as many as the system's limit of open files leaves room for."""

    def __init__(self, limit: int = 0) -> None:
        room = _room()
        if limit > room:
            _log.warning("only %d connections can be open, not %d: see --file-descriptors", room, limit)
        self.limit = min(limit, room) if limit else room
        self._inside: set[object] = set()
        self._told = False

    def admit(self, guest: object) -> bool:
        """Return whether this connection is admitted, until it leaves. That the limit is reached is logged once."""
        inside = self._inside
        if guest in inside:
            return True
        if len(inside) >= self.limit:
            if not self._told:
                self._told = True
                _log.warning("%d connections are open: more are refused", self.limit)
            return False
        inside.add(guest)
        return True

    def leave(self, guest: object) -> None:
        """This one is gone, or never came in."""
        self._inside.discard(guest)
        if self._told and len(self._inside) <= self.limit * 0.9:  # well below: at the limit it would be logged for ever
            self._told = False
            _log.warning("connections are accepted again")


def _room() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft - RESERVED)
