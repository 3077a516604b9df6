"""This session's client: its timeouts are PostgreSQL settings, and its waits let PostgreSQL cancel.

Rules of this file:
1. Every wait lets PostgreSQL look up: running any statement raises what statement_timeout and cancel ask for, and that
   goes out untouched.
2. A background call that is answered within 20 ms runs no SQL here: the settings are read where they matter, which is
   when a connection is made and when a wait gets long.

It runs inside PostgreSQL, beside gearbridge_pg.py: Python 3.9 and later, standard library only.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING

import plpy

if TYPE_CHECKING:  # inside PostgreSQL the package is not named gearbridge, so there the names must be relative
    from gearbridge_pg_errors import SqlError

    from gearbridge import errors
    from gearbridge.client.client import Client
    from gearbridge.client.connection import SLICE
    from gearbridge.records import Priority
else:
    from . import errors
    from .client.client import Client
    from .client.connection import SLICE
    from .gearbridge_pg_errors import SqlError
    from .records import Priority

DEFAULT_CONNECT_TIMEOUT = 5.0  # seconds, for each server
DEFAULT_REPLY_TIMEOUT = 60.0  # seconds

_UNITS = {"": 0.001, "us": 1e-6, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(us|ms|s|min|h|d|)\s*")

_SETTINGS = plpy.prepare(
    "SELECT pg_catalog.current_setting('gearbridge.connect_timeout', true) AS connect_timeout,"
    " pg_catalog.current_setting('gearbridge.reply_timeout', true) AS reply_timeout"
)


class SessionClient(Client):
    """This session's client: its timeouts are the session's settings, read where they matter."""

    def __init__(self, servers: str) -> None:
        self.traceparent: str | None = None  # the setting, as it was when the client was asked for
        self._settings: tuple[str | None, str | None] = (None, None)  # as they were read last
        self._reply_limit: float | None = DEFAULT_REPLY_TIMEOUT
        self._background = False
        self._answer_awaited = False  # and not a connection
        self._waiting_since: float | None = None
        super().__init__(
            servers, connect_timeout=DEFAULT_CONNECT_TIMEOUT, on_wait=self._look_up, on_connect=self._connecting
        )

    @property
    def reply_timeout(self) -> float | None:
        """The limit for the answer, whose wait begins when Client asks for this."""
        self._answer_awaited = True
        return None if self._background else self._reply_limit

    @reply_timeout.setter
    def reply_timeout(self, seconds: float | None) -> None:
        """Leave it to the setting."""

    def ready(self) -> SessionClient:
        """Read the settings for the call that follows, which is none of `submit`."""
        self._read_settings()
        self._background = False
        return self

    def submit(
        self,
        function: str,
        payload: str | bytes,
        unique_key: str | None,
        priority: int = Priority.NORMAL,
        run_at: float | None = None,
    ) -> str:
        """Submit a background job. No setting is read before: `_look_up` keeps the time limit, if there is a wait."""
        self._background = True
        self._waiting_since = None
        return self.do_background(
            function, payload, unique_key, priority=priority, run_at=run_at, traceparent=self.traceparent
        )

    def _connecting(self) -> None:
        self._answer_awaited = False
        self._read_settings()

    def _look_up(self) -> None:
        self._read_settings()
        if not (self._background and self._answer_awaited):
            return
        now = monotonic()
        if self._waiting_since is None:
            self._waiting_since = now - SLICE
        if self._reply_limit is not None and now - self._waiting_since >= self._reply_limit:
            raise errors.ReplyTimeout("the job server did not answer in time")

    def _read_settings(self) -> None:
        row = plpy.execute(_SETTINGS)[0]  # this is also what lets PostgreSQL cancel
        settings = (row["connect_timeout"], row["reply_timeout"])
        if settings != self._settings:
            limit = _seconds("gearbridge.connect_timeout", settings[0], DEFAULT_CONNECT_TIMEOUT)
            self._reply_limit = _seconds("gearbridge.reply_timeout", settings[1], DEFAULT_REPLY_TIMEOUT)
            self.connect_timeout = float("inf") if limit is None else limit
            self._settings = settings


def _seconds(name: str, value: str | None, default: float) -> float | None:
    """Read a setting as PostgreSQL reads its own times: '5s', '500ms'; a bare number is milliseconds; 0 is no limit."""
    if not value:
        return default
    match = _DURATION.fullmatch(value)
    if match is None:
        hint = f"Write for instance: SET {name} = '5s'; the units are us, ms, s, min, h and d, and 0 means no limit."
        raise SqlError("22023", f'invalid value for setting "{name}": "{value}"', None, hint)
    return float(match.group(1)) * _UNITS[match.group(2)] or None
