"""Which of the session's clients a call uses, and whether the current role may: who submits what, and who reaches what.

It knows no job; what is done with a client is gearbridge_pg.py's.

Rules of this file:
1. Each call asks in whose name it is made: SET ROLE and SECURITY DEFINER functions change that. What that role may is
   asked once in a statement, since it costs as much as a call. So what an administrator grants, allows or takes back
   holds from the next statement on, in open sessions too.
2. Which servers may be reached is what the table gearbridge.allowed_servers says. Parameters, which anybody may set,
   only choose among them.

It runs inside PostgreSQL, beside gearbridge_pg.py: Python 3.9 and later, standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import plpy

if TYPE_CHECKING:  # inside PostgreSQL the package is not named gearbridge, so there the names must be relative
    from typing import Any

    from gearbridge_pg_errors import SqlError, sql_error
    from gearbridge_pg_session import SessionClient

    from gearbridge import errors
    from gearbridge.client.connection import parse_servers
else:
    from . import errors
    from .client.connection import parse_servers
    from .gearbridge_pg_errors import SqlError, sql_error
    from .gearbridge_pg_session import SessionClient

ANY = "*"  # a list of servers that allows all

_OWN, _PUBLIC, _ALL = "0", "2", "3"  # how near a row of gearbridge.my_servers is to the role; "1" is a group's

_CALLER = """
    SELECT current_user::pg_catalog.text AS role,
        pg_catalog.current_setting('pggearman.default_servers', true) AS setting,
        (SELECT pg_catalog.string_agg(nearness || servers, '\n' ORDER BY nearness, servers) FROM gearbridge.my_servers)
        AS allowed
"""
_NAME = plpy.prepare(
    "SELECT current_user::pg_catalog.text AS role, pg_catalog.statement_timestamp()::pg_catalog.text AS statement,"
    " pg_catalog.current_setting('gearbridge.traceparent', true) AS traceparent"
)
_ASKER = plpy.prepare(_CALLER)
_SUBMITTER = plpy.prepare(_CALLER + ", gearbridge.may_submit($1, current_user) AS may", ["text"])
_ROLE_EXISTS = plpy.prepare(
    "SELECT $1 OPERATOR(pg_catalog.=) 'public'"
    " OR pg_catalog.to_regrole(pg_catalog.quote_ident($1)) IS NOT NULL AS there",
    ["text"],
)
_ALLOW = plpy.prepare(
    "INSERT INTO gearbridge.allowed_servers AS old (role, servers) VALUES ($1, $2)"
    " ON CONFLICT (role) DO UPDATE SET servers = excluded.servers",
    ["name", "text"],
)


class Caller(NamedTuple):
    """The current role and what is said about it."""

    role: str
    setting: str | None  # pggearman.default_servers
    allowed: str | None  # lines of gearbridge.my_servers, the nearest first: one digit, then a list of servers


_set: SessionClient | None = None  # by gman_servers_set
_of_function: dict[str, SessionClient] = {}  # of functions that have servers of their own
_default: SessionClient | None = None
_default_caller: Caller | None = None  # whose `_default` it is
_permitted: dict[SessionClient, Caller] = {}  # what was found good last
_last: tuple[str, str, str] | None = None  # role, statement and function of the call before
_last_client: SessionClient | None = None  # which it was given


def set_servers(servers: str, function: str | None) -> None:
    """Use these servers from now on, for one function or the others; the connections to the old ones are closed."""
    global _set, _last  # noqa: PLW0603  a session has one client, and this module is the session's
    _last = None
    if function == "":
        raise SqlError("22023", "a function name cannot be empty")
    client = _client(servers)
    _demand_allowed(client, _asker())
    old = _set if function is None else _of_function.get(function)
    _close(old)
    if function is None:
        _set = client
    else:
        _of_function[function] = client


def allow(servers: str, role: str) -> None:
    """Write down which servers a role may reach."""
    if not plpy.execute(_ROLE_EXISTS, [role])[0]["there"]:
        raise SqlError("42704", f'role "{role}" does not exist')
    plpy.execute(_ALLOW, [role, ANY if servers.strip() == ANY else ",".join(_client(servers).servers)])


def for_function(function: str) -> SessionClient:
    """Return the client for jobs of a function. Raises 42501 where the role may not submit them."""
    global _last, _last_client  # noqa: PLW0603  as above
    name = plpy.execute(_NAME)[0]
    asked = (name["role"], name["statement"], function)
    if _last_client is None or asked != _last:
        _last_client = _for_submitter(function)
        _last = asked
    _last_client.traceparent = name["traceparent"]
    return _last_client


def _for_submitter(function: str) -> SessionClient:
    row = plpy.execute(_SUBMITTER, [function])[0]
    caller = _read(row)
    if not row["may"]:
        raise SqlError(
            "42501",
            f'role "{caller.role}" may not submit jobs of function "{function}"',
            None,
            "An administrator may grant it, see gearbridge.grant_submit().",
        )
    return _checked(_of_function.get(function) or _set, caller)


def for_questions() -> SessionClient:
    """Return the client that questions go to, whatever function they are about."""
    return _checked(_set, _asker())


def all_clients() -> list[SessionClient]:
    """Return the session's client and those of single functions. Raises 55000 where there is none."""
    caller = _asker()
    clients = [_checked(client, caller) for client in _of_function.values()]
    if clients and _set is None and not _default_servers(caller):
        return clients
    return [_checked(_set, caller), *clients]


def servers() -> str | None:
    """Return the servers of this session as `set_servers` takes them; None where there are none."""
    return ",".join(_set.servers) if _set else _default_servers(_asker())


def _asker() -> Caller:
    return _read(plpy.execute(_ASKER)[0])


def _read(row: Any) -> Caller:
    return Caller(row["role"], row["setting"], row["allowed"])


def _checked(client: SessionClient | None, caller: Caller) -> SessionClient:
    if client is None:
        client = _default_client(caller)
    if _permitted.get(client) != caller:
        _demand_allowed(client, caller)
    return client


def _default_client(caller: Caller) -> SessionClient:
    global _default, _default_caller  # noqa: PLW0603  a session has one client, and this module is the session's
    if _default is None or _default_caller != caller:
        servers = _default_servers(caller)
        if not servers:
            hint = "Say where they are: SELECT gman_servers_set('127.0.0.1:4730');"
            raise SqlError("55000", "no job servers are set in this session", None, hint)
        if _default is None or ",".join(_default.servers) != servers:
            client = _client(servers)
            _close(_default)
            _default = client
        _default_caller = caller
    return _default


def _default_servers(caller: Caller) -> str | None:
    """Those of the setting, or else of the row that is nearest to the role."""
    if caller.setting:
        return caller.setting
    lines = _lines(caller)
    everything = any(nearness == _ALL for nearness, _ in lines)  # a superuser is a member of every role, in a way
    near = (_OWN, _PUBLIC) if everything else (_OWN, "1", _PUBLIC)
    return next((servers for nearness, servers in lines if nearness in near and servers != ANY), None)


def _demand_allowed(client: SessionClient, caller: Caller) -> None:
    lists = [servers for _, servers in _lines(caller)]
    if ANY not in lists:
        allowed = {server for servers in lists for server in _client(servers).servers}
        refused = [server for server in client.servers if server not in allowed]
        if refused:
            raise SqlError(
                "42501",
                f'role "{caller.role}" may not reach job server {refused[0]}',
                f"It may reach {', '.join(sorted(allowed)) or 'none'}.",
                "An administrator may allow it, see gearbridge.allow_servers().",
            )
    _permitted[client] = caller


def _lines(caller: Caller) -> list[tuple[str, str]]:
    return [(line[0], line[1:]) for line in (caller.allowed or "").splitlines()]


def _client(servers: str) -> SessionClient:
    try:
        return SessionClient(",".join(map(str, parse_servers(servers.lower()))))
    except errors.ConfigurationError as error:
        raise sql_error(error) from None


def _close(client: SessionClient | None) -> None:
    if client is not None:
        client.close()
        _permitted.pop(client, None)
