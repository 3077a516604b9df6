"""One prefix of a Redis or Valkey as this server's: a session, and a lease that a thread renews. It knows no jobs.

Rules of this file:
1. The prefix is ours while the token in its owner's key is the one that we drew; every script looks at it.
2. The lease, by Redis's clock, keeps others out while we live. An owner whose session has ended is replaced at once,
   where Redis lets us list sessions; else when its lease is over.
3. Where the lease is not renewed in time, or the token is another's, the session is ended: the server watches its
   socket (persistence/owner_session.py), and gives out nothing until `own` says that the prefix is still ours.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gearbridge.errors import ConfigurationError, StoreError, StoreInUse, StoreUnavailable, without_frames

from .scripts import RELEASE, RENEW, TAKE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .urls import RedisPlace

_log = logging.getLogger(__name__)

IN_USE = "the prefix is in use by another gearbridge server; give each server a prefix of its own"
#: Seconds of a lease; between two renewals; of it that this side counts on; and for an answer.
_LEASE = 15.0
_RENEWAL = 3.0
_COUNTED = 12.0
_TIMEOUT = 10.0
#: Errors that pass and have no class of redis-py's: Redis cannot write to its disk, lacks replicas, or runs a script.
_PASSING = ("MISCONF", "NOREPLICAS", "BUSY")


def driver() -> Any:
    """Import redis. Raises ConfigurationError, with the way to install it, where it is missing."""
    try:
        return import_module("redis")
    except ImportError as error:
        raise ConfigurationError(
            f"a store in Redis needs redis-py, which is not installed: pip install 'gearbridge[redis]' ({error})"
        ) from error


def keys_of(place: RedisPlace) -> list[bytes]:
    """Names of the two keys of a prefix: its owner, and its jobs."""
    return [f"{{{place.prefix}}}:{name}".encode() for name in ("owner", "jobs")]


def connect(place: RedisPlace, name: str, timeout: float) -> Any:
    """Connect to Redis as a session of this name. Raises redis-py's errors."""
    retry = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
    # Before version 6 redis-py looks at no certificate's name by itself.
    tls = {"ssl": True, "ssl_check_hostname": True} if place.tls else {}
    return driver().Redis(
        place.host,
        place.port,
        place.database,
        username=place.user,
        password=place.password,
        **tls,
        **place.files,
        protocol=2,
        client_name=name,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        retry=retry,
        single_connection_client=True,
    )


class RedisSession:
    """Connects when opened, and again after a failure. Calls come from one thread, renewals from their own."""

    def __init__(self, place: RedisPlace) -> None:
        self._redis = driver()
        self._place = place
        self._prefix = place.prefix
        self.keys = keys_of(place)
        self._name = self._token = ""
        self.client: Any = None
        self._renewing: threading.Thread | None = None
        self._closing = threading.Event()

    def open(self) -> None:
        """Connect and take the prefix. Raises StoreInUse where another server has it."""
        self._token, self._name = secrets.token_hex(16), f"gearbridge-{secrets.token_hex(8)}"
        with self.errors_told():
            self.client = connect(self._place, self._name, _TIMEOUT)
            self._take()
        self._closing = threading.Event()
        self._renewing = threading.Thread(target=self._renewals, args=(self._closing,), name="redis-lease", daemon=True)
        self._renewing.start()

    def close(self) -> None:
        """Let the next server have the prefix, and disconnect."""
        client, self.client = self.client, None
        if self._renewing is not None:
            self._closing.set()
            self._renewing.join()
            self._renewing = None
            with contextlib.suppress(self._redis.RedisError, OSError):
                client.eval(RELEASE, 1, self.keys[0], self._token)
        if client is not None:
            client.close()

    def own(self) -> int:
        """Make sure that the prefix is ours; return a descriptor of the session's socket, which the caller closes."""
        with self.errors_told():
            self._check(self._once_more(lambda: self._renew(self.client)))
            return os.dup(self._socket().fileno())

    def apply(self, script: Any, words: list[Any]) -> bytes:
        """Run a script that writes, as the owner of the prefix; return its answer."""
        with self.errors_told():
            reply = self._once_more(lambda: script(self.keys, [self._token, *words]))
            if reply == b"LOST":
                self._check(self._renew(self.client))
                reply = self._once_more(lambda: script(self.keys, [self._token, *words]))
            self._check(reply)
            return reply

    @contextlib.contextmanager
    def errors_told(self) -> Iterator[None]:
        """Redis's errors as StoreError, or StoreUnavailable where they may pass."""
        errors = self._redis.exceptions
        try:
            yield
        except (self._redis.ConnectionError, self._redis.TimeoutError, OSError) as error:
            raise StoreUnavailable(self._told(error)) from error
        except (errors.ReadOnlyError, errors.MasterDownError, errors.ClusterDownError) as error:
            raise StoreUnavailable(self._told(error)) from error
        except self._redis.RedisError as error:
            passing = any(word in str(error) for word in _PASSING)
            raise (StoreUnavailable if passing else StoreError)(self._told(error)) from error

    def _once_more(self, call: Callable[[], bytes]) -> bytes:
        """Do what may be done twice, over a new session where the last one has ended meanwhile."""
        try:
            return call()
        except self._redis.ConnectionError:
            return call()

    def _told(self, error: Exception) -> str:
        return f"Redis at {self._place.host}:{self._place.port}: {error}"

    def _take(self) -> None:
        lease = int(_LEASE * 1000)
        token, name, kept = self.client.eval(TAKE, 1, self.keys[0], self._token, self._name, lease, "")
        if kept and self._sessions_of(name) == []:
            token, name, kept = self.client.eval(TAKE, 1, self.keys[0], self._token, self._name, lease, token)
        if kept:
            raise StoreInUse(f"{IN_USE} (session {name.decode('utf-8', 'replace')} has it)")
        if token:  # the former owner may only sleep: it must see that it is none any more
            for session in self._sessions_of(name) or ():
                with contextlib.suppress(self._redis.ResponseError):
                    self.client.client_kill_filter(_id=session)

    def _sessions_of(self, name: bytes) -> list[str] | None:
        """Numbers of the sessions of this name; None where they cannot be listed, or by a proxy only."""
        try:
            sessions = {one.get("name"): one["id"] for one in self.client.client_list()}
        except self._redis.ResponseError:
            return None
        if self._name not in sessions:
            return None
        return [number for each, number in sessions.items() if each == name.decode("utf-8", "replace")]

    def _renew(self, client: Any) -> bytes:
        reply: bytes = client.eval(RENEW, 1, self.keys[0], self._token, self._name, int(_LEASE * 1000))
        return reply

    def _check(self, reply: bytes) -> None:
        if reply == b"LOST":
            _log.error(
                "Redis has lost all jobs under the prefix %s: jobs queued in memory end with this server", self._prefix
            )
        elif reply == b"FENCED":
            self._hang_up()
            raise StoreInUse(IN_USE)

    def _socket(self) -> socket.socket:
        found = self.client.connection._sock
        if found is None:
            raise OSError("the session has ended")
        assert isinstance(found, socket.socket)
        return found

    def _hang_up(self) -> None:
        """End the session, which the watcher of its socket notices; the next call begins another one."""
        with contextlib.suppress(OSError, AttributeError):
            self._socket().shutdown(socket.SHUT_RDWR)

    def _renewals(self, closing: threading.Event) -> None:
        """Renew the lease in a thread of its own, over a connection of its own, until `closing`."""
        client = None
        renewed = time.monotonic()
        while not closing.wait(_RENEWAL):
            begin = time.monotonic()
            try:
                if client is None:
                    client = connect(self._place, f"{self._name}-lease", _RENEWAL)
                if self._renew(client) == b"FENCED":
                    self._hang_up()
                    break
                renewed = begin
            except (self._redis.RedisError, OSError) as error:
                _log.debug("the lease cannot be renewed now: %s", without_frames(error))
                if time.monotonic() - renewed > _COUNTED:
                    self._hang_up()
        if client is not None:
            client.close()
