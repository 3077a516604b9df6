"""Which of the session's clients a call uses, and whether the current role may: who submits what, and who reaches what.

It knows no job; what is done with a client is gearbridge_pg.py's.

Rules of this file:
1. Each call asks in whose name it is made: SET ROLE and SECURITY DEFINER functions change that. What that role may is
   asked once in a statement, since it costs as much as a call. So what an administrator grants, allows or takes back
   holds from the next statement on, in open sessions too.
2. Which servers may be reached is what the table gearbridge.allowed_servers says. Parameters, which anybody may set,
   only choose among them.
3. What gman_servers_set() has chosen is the session's as a setting is: DISCARD ALL and RESET ALL end it, for the next
   client of a pool, and ROLLBACK takes it back. So a setting names the choice that holds.

It runs inside PostgreSQL, beside gearbridge_pg.py: Python 3.9 and later, standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import plpy

if TYPE_CHECKING:  # inside PostgreSQL the package is not named gearbridge, so there the names must be relative
    from collections.abc import Mapping
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
        pg_catalog.current_setting('gearbridge.servers_set', true) AS choice,
        (SELECT pg_catalog.string_agg(nearness || servers, '\n' ORDER BY nearness, servers) FROM gearbridge.my_servers)
        AS allowed
"""
_NAME = plpy.prepare(
    "SELECT current_user::pg_catalog.text AS role, pg_catalog.statement_timestamp()::pg_catalog.text AS statement,"
    " pg_catalog.current_setting('gearbridge.traceparent', true) AS traceparent,"
    " pg_catalog.current_setting('gearbridge.servers_set', true) AS choice"
)
_ASKER = plpy.prepare(_CALLER)
_SUBMITTER = plpy.prepare(_CALLER + ", gearbridge._may_submit($1, current_user) AS may", ["text"])
_CHOOSE = plpy.prepare("SELECT pg_catalog.set_config('gearbridge.servers_set', $1, false)", ["text"])
_ALLOW = plpy.prepare("SELECT gearbridge._allow_servers($1, $2)", ["text", "name"])


class LocalPeer(NamedTuple):
    """The current role and what is said about it."""

    role: str
    setting: str | None  # pggearman.default_servers
    allowed: str | None  # lines of gearbridge.my_servers, the nearest first: one digit, then a list of servers
    choice: str | None  # gearbridge.servers_set: which of `_choices` holds


class Choice(NamedTuple):
    """What gman_servers_set has chosen: for all functions, and for those that have servers of their own."""

    general: SessionClient | None = None
    of_function: Mapping[str, SessionClient] = {}


_CHOICES = 8  # earlier ones that are remembered, for transactions and savepoints that are rolled back

_choices: dict[str, Choice] = {}  # by what the setting says
_default: SessionClient | None = None
_default_caller: LocalPeer | None = None  # whose `_default` it is
_permitted: dict[SessionClient, LocalPeer] = {}  # what was found good last
_last: tuple[str, str, str, str | None] | None = None  # role, statement, function and choice of the call before
_last_client: SessionClient | None = None  # which it was given


def set_servers(servers: str, function: str | None) -> None:
    """Use these servers from now on, for one function or the others; the connections to the old ones are closed."""
    if function == "":
        raise SqlError("22023", "a function name cannot be empty")
    client = _client(servers)
    caller = _asker()
    _demand_allowed(client, caller)
    before = _chosen(caller)
    _close(before.general if function is None else before.of_function.get(function))
    if function is None:
        choice = before._replace(general=client)
    else:
        choice = before._replace(of_function={**before.of_function, function: client})
    name = str(uuid4())
    plpy.execute(_CHOOSE, [name])
    _choices[name] = choice
    for old in list(_choices)[:-_CHOICES]:
        del _choices[old]


def allow(servers: str, role: str) -> None:
    """Write down which servers a role may reach."""
    plpy.execute(_ALLOW, [ANY if servers.strip() == ANY else ",".join(_client(servers).servers), role])


def for_function(function: str) -> SessionClient:
    """Return the client for jobs of a function. Raises 42501 where the role may not submit them."""
    global _last, _last_client  # noqa: PLW0603  as above
    name = plpy.execute(_NAME)[0]
    asked = (name["role"], name["statement"], function, name["choice"])
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
    choice = _chosen(caller)
    return _checked(choice.of_function.get(function) or choice.general, caller)


def for_questions() -> SessionClient:
    """Return the client that questions go to, whatever function they are about."""
    caller = _asker()
    return _checked(_chosen(caller).general, caller)


def all_clients() -> list[SessionClient]:
    """Return the session's client and those of single functions. Raises 55000 where there is none."""
    caller = _asker()
    choice = _chosen(caller)
    clients = [_checked(client, caller) for client in choice.of_function.values()]
    if clients and choice.general is None and not _default_servers(caller):
        return clients
    return [_checked(choice.general, caller), *clients]


def servers() -> str | None:
    """Return the servers of this session as `set_servers` takes them; None where there are none."""
    caller = _asker()
    general = _chosen(caller).general
    return ",".join(general.servers) if general else _default_servers(caller)


def _chosen(caller: LocalPeer) -> Choice:
    if not caller.choice:
        for choice in _choices.values():
            for client in (choice.general, *choice.of_function.values()):
                _close(client)
        _choices.clear()
    return _choices.get(caller.choice or "", Choice())


def _asker() -> LocalPeer:
    return _read(plpy.execute(_ASKER)[0])


def _read(row: Any) -> LocalPeer:
    return LocalPeer(row["role"], row["setting"], row["allowed"], row["choice"] or None)


def _checked(client: SessionClient | None, caller: LocalPeer) -> SessionClient:
    if client is None:
        client = _default_client(caller)
    if _permitted.get(client) != caller:
        _demand_allowed(client, caller)
    return client


def _default_client(caller: LocalPeer) -> SessionClient:
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


def _default_servers(caller: LocalPeer) -> str | None:
    """Those of the setting, or else of the row that is nearest to the role."""
    if caller.setting:
        return caller.setting
    lines = _lines(caller)
    everything = any(nearness == _ALL for nearness, _ in lines)  # a superuser is a member of every role, in a way
    near = (_OWN, _PUBLIC) if everything else (_OWN, "1", _PUBLIC)
    return next((servers for nearness, servers in lines if nearness in near and servers != ANY), None)


def _demand_allowed(client: SessionClient, caller: LocalPeer) -> None:
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


def _lines(caller: LocalPeer) -> list[tuple[str, str]]:
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
