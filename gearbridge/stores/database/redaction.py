"""URLs as they may be shown: in messages, logs, pages and metrics. Nothing else renders one.

Rules of this file:
1. Only the scheme, the user, the hosts and the database are shown, as they were parsed; never a password or an option.
2. A URL that cannot be parsed shows its scheme at most: which part of it is the password is not known then.
3. SQLAlchemy and drivers are imported only for a URL that is theirs: a server in memory starts without any.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import URL

    from .urls import Host

#: What stands in the place of what cannot be shown.
HIDDEN = "..."

_SCHEME = re.compile(r"(gearmand\+)?([A-Za-z][A-Za-z0-9+-]{0,40}):(?://(.*))?", re.DOTALL)
_SQL = ("postgres", "mysql", "mariadb", "sqlite")
#: Schemes of our own, whose URLs have hosts and a path, and no user.
_PLAIN = ("memcached", "innodb-memcached", "redis", "rediss")
#: A word or path that is neither a URL nor a connection string, nor has a part that could be a login.
_BARE = re.compile(r"[\w./~-]*", re.ASCII)
#: The option that has another URL as its value.
_INNER = re.compile(r"[?&]sql=([^&]*)")
#: Characters of a user or database, and of a path, that are shown as they are.
_IN_NAME = " +"
_IN_PATH = " +/:@,"
#: Where an option begins that is written as other programs have it, or without the question mark.
_OPTION_OF_OTHERS = re.compile(r"[;&][^;&=]*=.*", re.DOTALL)
#: Text that libpq quotes in its messages about connection strings.
_QUOTED = re.compile(r"\".*\"", re.DOTALL)


def redacted(url: str | URL) -> str:
    """A store's, queue's or database's URL, or libpq connection string, without anything that may be secret."""
    if not isinstance(url, str):
        return _shown(url)
    found = _SCHEME.match(url)
    if found is not None:
        return (found[1] or "") + _by_scheme(found[2], found[3], url[found.end(2) + 1 :])
    if "=" in url:
        return _connection_string(url)
    return url if _BARE.fullmatch(url) else HIDDEN


def _by_scheme(scheme: str, rest: str | None, behind: str) -> str:
    """A URL; `behind` is everything after the colon, `rest` what is behind two slashes."""
    kind = scheme.lower()
    if rest is None:  # `sqlite:jobs.db` is a mistake that must be seen to be understood
        return f"{scheme}:{behind if kind == 'sqlite' and _BARE.fullmatch(behind) else behind and HIDDEN}"
    if kind.startswith(_SQL):
        from .urls import database_url  # noqa: PLC0415  rule 3

        with contextlib.suppress(ConfigurationError):
            return _shown(database_url(f"{scheme}://{rest}"))
    elif kind in _PLAIN:
        return _plain(scheme, rest)
    return f"{scheme}://{HIDDEN}"


def without_quotes(error: Exception) -> str:
    """Return libpq's error for a connection string that it cannot parse, without the parts that it quotes."""
    return _QUOTED.sub(f'"{HIDDEN}"', str(error)).strip()


def _shown(url: URL) -> str:
    from .urls import Host, hosts_of  # noqa: PLC0415  rule 3

    if url.get_backend_name() == "sqlite":
        return f"{url.drivername}:///{quote(url.database or '', safe=_IN_PATH)}"
    user = url.username or _option(url, "user")
    hosts = hosts_of(url) or [Host(url.host or _option(url, "unix_socket"), url.port)]
    return _joined(url.drivername, user, hosts, url.database or _option(url, "dbname"))


def _joined(scheme: str, user: str, hosts: Sequence[Host], database: str) -> str:
    # What a URL's form has no place for is encoded, control characters too.
    login = f"{_name(user)}@" if user else ""
    places = ",".join(quote(str(host), safe="" if "/" in host.name else "[]:%") for host in hosts)
    return f"{scheme}://{login}{places}/{_name(database)}"


def _name(text: str, safe: str = _IN_NAME) -> str:
    """Show a user, a database or a path without what was meant as options."""
    shown = _OPTION_OF_OTHERS.sub("", text)
    return quote(shown, safe=safe) + HIDDEN * (shown != text)


def _plain(scheme: str, rest: str) -> str:
    head, mark, query = rest.partition("?")
    if scheme.lower() in {"redis", "rediss"}:
        # The password may have any character, and may stand where a user's name does.
        head = rest.rpartition("@")[2].partition("?")[0]
        mark = ""
    if "@" in head or "#" in head:
        return f"{scheme}://{HIDDEN}"
    try:
        parts = urlsplit(f"//{head}")
        path, netloc = _name(unquote(parts.path), "/:"), quote(parts.netloc, safe="[]:,.-_")
    except ValueError:
        return f"{scheme}://{HIDDEN}"
    inner = _INNER.search(mark + query)
    if inner is None:
        return f"{scheme}://{netloc}{path}"
    sql = inner[1] if "://" in inner[1] else unquote(inner[1])
    return f"{scheme}://{netloc}{path}?sql={redacted(sql)}"


def _connection_string(text: str) -> str:
    from psycopg import Error  # noqa: PLC0415  rule 3
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
    from sqlalchemy.engine import URL  # noqa: PLC0415

    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(text).items()}
        places: dict[str, str] = {name: parts[name] for name in ("host", "port") if name in parts}
        return _shown(URL.create("postgresql", parts.get("user"), database=parts.get("dbname"), query=places))
    except (Error, ValueError):
        return HIDDEN


def _option(url: URL, name: str) -> str:
    value = url.query.get(name, "")
    return value if isinstance(value, str) else value[0]
