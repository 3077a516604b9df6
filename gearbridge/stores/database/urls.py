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

#: libpq's option for the choice among several PostgreSQL servers, and its default here: no standby.
SESSION_ATTRIBUTES = "target_session_attrs"
WRITABLE = "read-write"

#: What is before the hosts, a list of two or more of them, and what is behind. Before them SQLAlchemy sees it so too.
_LIST = re.compile(r"([\w+]+://(?:[^:/]*(?::[^@]*)?@)?+)([^/?@]*,[^/?@]*)([/?].*|)", re.DOTALL)
_HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]@]+)\]|(?P<name>[^:\[\]@]+))(?::(?P<port>\d{1,5}))?")
#: User and password as SQLAlchemy sees them, and everything behind.
_LOGIN = re.compile(r"[\w+]+://(?:([^:/]*)(?::([^@]*))?@)?(.*)", re.DOTALL)
#: What may be an option in what seems to be a password, so that a part of a password seems to be a host.
_OPTION = re.compile(r"\?.*=", re.DOTALL)


class Host(NamedTuple):
    """One host of a list. `port` is None where the URL names none."""

    name: str
    port: int | None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


def database_url(url: str) -> URL:
    """Read a database's URL; of several PostgreSQL hosts one that takes writes is meant, by default.

    Raises ConfigurationError for what is none; the message has the reason, without any part of the URL.
    """
    _refuse_ambiguous(url)
    listed = _LIST.fullmatch(url)
    try:
        if listed is None:
            parsed = make_url(url)
            if parsed.host is not None:
                (one,) = _hosts([f"[{parsed.host}]" if ":" in parsed.host else parsed.host])
                parsed = parsed.set(host=one.name)
            given = parsed.query.get("host")
            hosts = _hosts(given) if isinstance(given, tuple) else []
        else:
            parsed = make_url(listed[1] + listed[3])
            hosts = _hosts(listed[2].split(","))
        hosts_of(parsed)
    except (ArgumentError, ValueError, TypeError):  # their text may quote a password that looks like a port
        raise ConfigurationError("it cannot be parsed as SCHEME://USER:PASSWORD@HOST:PORT/DATABASE") from None
    if parsed.get_backend_name() == "sqlite" and (parsed.host is not None or parsed.username is not None):
        raise ConfigurationError("a file is named by sqlite:///FILE, an absolute path by sqlite:////PATH")
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


def _refuse_ambiguous(url: str) -> None:
    """Refuse a URL of which a part of the password may be taken for a host, and so be shown.

    Raises ConfigurationError, with the way to write it.
    """
    found = _LOGIN.match(url)
    user, password, rest = found.groups() if found else (None, None, "")
    if user is None:
        return
    if re.search("[?#]", user) or (password is not None and ("@" in rest or _OPTION.search(password))):
        raise ConfigurationError(
            "it is not clear where the password ends: write @ as %40, ? as %3F, # as %23 in user, password and options"
        )


def _hosts(texts: Sequence[str]) -> list[Host]:
    hosts = []
    for number, text in enumerate(texts, 1):
        found = _HOST.fullmatch(text)
        if found is None:  # not quoted: it may be a part of a password
            raise ConfigurationError(f"host {number} of {len(texts)} is not HOST or HOST:PORT")
        port = None if found["port"] is None else int(found["port"])
        hosts.append(Host(unquote(found["ipv6"] or found["name"]), port))
    return hosts


def _text(url: URL, option: str) -> str:
    value = url.query.get(option, "")
    return value if isinstance(value, str) else ",".join(value)
