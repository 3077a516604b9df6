"""Several hosts of MySQL or MariaDB, as nodes of a Galera cluster: the choice of one, and queries of the others.

The hosts are tried in the order of the URL, beginning with the one that did last time. One will do that takes writes;
of a Galera cluster, a node that is part of it and has all that the others have.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from .urls import hosts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL

    from .urls import Host

_log = logging.getLogger(__name__)

#: MySQL's number for a way to log in that the client does not know.
_NO_RSA = 2059
#: MySQL's own port; the driver gets one for each host.
_PORT = 3306
#: Seconds to connect to each of several hosts, and for each of its answers until it is chosen; the next one may be the
#: one to write to.
_CONNECT_EACH = 2
#: Whether a host takes writes, and belongs to a Galera cluster; then whether it is cut off from that, or behind. All of
#: these are answered by a node that answers nothing else.
_SETTINGS = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'wsrep_on')"
_STATE = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_local_state_comment')"
#: What a node is that gives its data to one that comes back: a member, which may be behind.
_BEHIND = "Donor/Desynced"


def dial(dialect: Any, *arguments: Any, **parameters: Any) -> Any:
    """Connect; what PyMySQL lacks is an error of the driver's, like what the server refuses."""
    try:
        return dialect.connect(*arguments, **parameters)
    except RuntimeError as error:  # caching_sha2_password, MySQL's default, sends a password by TLS or by RSA
        raise dialect.loaded_dbapi.OperationalError(
            _NO_RSA, f"the server takes passwords by TLS only, unless Python's package cryptography is there: {error}"
        ) from None


class Nodes:
    """Connects to one of several hosts, for SQLAlchemy's event `do_connect`."""

    def __init__(self, hosts: list[Host]) -> None:
        self._hosts = hosts
        self._dial: Callable[..., Any] | None = None

    def connect(self, dialect: Any, _record: object, arguments: list[Any], parameters: dict[str, Any]) -> Any:
        """Connect to the first host that will do; raises the driver's error, with the reason for each host."""
        parameters = {"connect_timeout": _CONNECT_EACH, **parameters}
        patience = parameters.get("read_timeout")
        # A host that hangs accepts connections, and sends nothing.
        parameters["read_timeout"] = parameters["connect_timeout"]
        self._dial = partial(dial, dialect, *arguments, **parameters)
        connection = self._connect_to_one(dialect)
        connection._read_timeout = patience
        return connection

    def _connect_to_one(self, dialect: Any) -> Any:
        reasons: list[str] = []
        second_best: tuple[Host, Any] | None = None
        for host in self._hosts:
            try:
                connection = self._connect_to(host)
            except dialect.loaded_dbapi.Error as error:
                reasons.append(f"{host}: {error}")
                continue
            try:
                why_not = _why_not(connection)
            except dialect.loaded_dbapi.Error as error:
                why_not = str(error)
            if not why_not:
                if second_best is not None:
                    second_best[1].close()
                return self._chosen(host, connection)
            reasons.append(f"{host}: {why_not}")
            if why_not == _BEHIND and second_best is None:
                second_best = host, connection
            else:
                connection.close()
        if second_best is not None:  # perhaps the only one that is up
            return self._chosen(*second_best)
        raise dialect.loaded_dbapi.OperationalError(2003, "; ".join(reasons))

    def elsewhere(self, connection: Any, question: str) -> Iterator[Any]:
        """Return the other hosts' answers to a query, one row each; those that cannot be reached have none."""
        for host in self._hosts:
            if (host.name, host.port or _PORT) == (connection.host, connection.port):
                continue
            try:
                with contextlib.closing(self._connect_to(host)) as other, other.cursor() as cursor:
                    cursor.execute(question)
                    answer = cursor.fetchone()
            except Exception as error:  # whatever the driver raises
                _log.debug("%s cannot be asked: %s", host, error)
            else:
                yield answer

    def _connect_to(self, host: Host) -> Any:
        assert self._dial is not None, "SQLAlchemy connects first"
        return self._dial(host=host.name, port=host.port or _PORT)

    def _chosen(self, host: Host, connection: Any) -> Any:
        at = self._hosts.index(host)
        self._hosts = self._hosts[at:] + self._hosts[:at]
        return connection


def nodes_of(url: URL) -> Nodes | None:
    """The nodes that a URL lists; None where it has one host."""
    hosts = hosts_of(url)
    return Nodes(hosts) if len(hosts) > 1 else None


def _why_not(connection: Any) -> str:
    """Return why a host will not do; empty if it will."""
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        settings = dict(cursor.fetchall())
        if settings["read_only"] not in {"OFF", "0"}:
            return "it is read-only"
        if settings.get("wsrep_on") != "ON":
            return ""
        cursor.execute(_STATE)
        state = dict(cursor.fetchall())
    if state["wsrep_cluster_status"] != "Primary":
        return "it is cut off from its cluster"
    return "" if state["wsrep_local_state_comment"] == "Synced" else str(state["wsrep_local_state_comment"])
