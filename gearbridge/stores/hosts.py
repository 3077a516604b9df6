"""A database's URL that may name several hosts, as libpq writes them: `postgresql://USER@HOST:PORT,HOST:PORT/NAME`.

SQLAlchemy knows such a list only as options, `?host=HOST,HOST&port=PORT,PORT`, and so a URL has it once it is read.
For MySQL, whose driver knows no list at all, mysql_hosts.py goes over the hosts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: libpq's option that says which of several PostgreSQL servers will do, and what it is here by default: no standby.
SESSION_ATTRIBUTES = "target_session_attrs"
WRITABLE = "read-write"

#: What is before the hosts, a list of two or more of them, and what is behind. Before them SQLAlchemy sees it so too.
_LIST = re.compile(r"([\w+]+://(?:[^:/]*(?::[^@]*)?@)?+)([^/?@]*,[^/?@]*)([/?].*|)", re.DOTALL)
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")
#: Where a list of hosts is put into a URL that is shown; no URL has this character.
_PLACE = "\0"


class Host(NamedTuple):
    """One host of a list. `port` is None where the URL names none."""

    name: str
    port: int | None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


def database_url(url: str) -> URL:
    """Read a database's URL; of several PostgreSQL hosts one that takes writes is meant, unless the URL says otherwise.

    Raises ConfigurationError for what is none; the message says why, without the URL.
    """
    listed = _LIST.fullmatch(url)
    try:
        if listed is None:
            parsed = make_url(url)
            given = parsed.query.get("host")
            hosts = _hosts(given) if isinstance(given, tuple) else []
        else:
            parsed = make_url(listed[1] + listed[3])
            hosts = _hosts(listed[2].split(","))
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(str(error)) from error
    if hosts:
        parsed = parsed.update_query_dict(
            {
                "host": ",".join(host.name for host in hosts),
                "port": ",".join("" if host.port is None else str(host.port) for host in hosts),
            }
        )
    if len(hosts_of(parsed)) > 1 and parsed.get_backend_name().startswith("postgres"):
        parsed = parsed.set(query={SESSION_ATTRIBUTES: WRITABLE, **parsed.query})
    return parsed


def hosts_of(url: URL) -> list[Host]:
    """The hosts that a URL, once read, lists; empty where it names one in the usual place, or none."""
    names, ports = (_text(url, option).split(",") for option in ("host", "port"))
    if names == [""]:
        return []
    if len(ports) == 1:  # as libpq: one port is for all of them
        ports *= len(names)
    return [Host(name, int(port) if port else None) for name, port in zip(names, ports, strict=True)]


def shown_url(url: URL) -> str:
    """The URL with its hosts where they belong, and without its password."""
    hosts = hosts_of(url)
    if "password" in url.query:
        url = url.update_query_dict({"password": "***"})
    if len(hosts) < 2:
        return url.render_as_string(hide_password=True)
    shown = url.difference_update_query(["host", "port"]).set(host=_PLACE).render_as_string(hide_password=True)
    return shown.replace(_PLACE, ",".join(map(str, hosts)))


def _hosts(texts: Sequence[str]) -> list[Host]:
    hosts = []
    for number, text in enumerate(texts, 1):
        found = _HOST.fullmatch(text)
        if found is None:  # not told, for it may be a part of a password that was not written as it must be
            raise ConfigurationError(f"host {number} of {len(texts)} is not HOST or HOST:PORT")
        port = None if found["port"] is None else int(found["port"])
        hosts.append(Host(unquote(found["ipv6"] or found["name"]), port))
    return hosts


def _text(url: URL, option: str) -> str:
    value = url.query.get(option, "")
    return value if isinstance(value, str) else ",".join(value)
