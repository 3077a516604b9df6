"""Connecting in the background: a server that does not answer must not keep a worker from the others.

It knows sockets and threads; when to connect, and what for, it does not know.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Union

from .connection import Address, Connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

#: A connection, or why there is none.
Outcome = Union[Connection, OSError]


class Dialer:
    """Makes connections, each in a thread that lives as long as the attempt: `timeout` seconds and a name's lookup.

    `wake()` is called from those threads when `take` has something new.
    """

    def __init__(self, timeout: float, wake: Callable[[], None], tls: ssl.SSLContext | None = None) -> None:
        self._timeout = timeout
        self._tls = tls
        self._wake = wake
        self._lock = threading.Lock()
        self._outcomes: list[tuple[Address, Outcome]] = []
        self._closed = False

    def dial(self, address: Address) -> None:
        """Begin to connect."""
        threading.Thread(target=self._attempt, args=(address,), name=f"dial {address}", daemon=True).start()

    def take(self) -> list[tuple[Address, Outcome]]:
        """Return what attempts came to since the last call."""
        with self._lock:
            outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def close(self) -> None:
        """Close connections that were not taken, now and later."""
        with self._lock:
            self._closed = True
        for _, outcome in self.take():
            if isinstance(outcome, Connection):
                outcome.close()

    def _attempt(self, address: Address) -> None:
        try:
            outcome: Outcome = Connection(address, self._timeout, tls=self._tls)
        except OSError as error:
            outcome = error
        with self._lock:
            if not self._closed:
                self._outcomes.append((address, outcome))
                self._wake()
            elif isinstance(outcome, Connection):
                outcome.close()
