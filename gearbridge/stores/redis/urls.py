"""`redis://[USER:PASSWORD@]HOST:PORT/DB?prefix=...`, taken apart. It needs no driver."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from gearbridge.errors import ConfigurationError

from ..database.redaction import redacted
from ..memcached.items import checked_prefix

FORM = "redis://[USER:PASSWORD@]HOST:PORT/DB?prefix=PREFIX"
#: Options of a rediss: URL, by redis-py's names: files in PEM form.
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


class RedisPlace(NamedTuple):
    """The place of jobs. `files` are those of TLS, by redis-py's names."""

    host: str
    port: int
    database: int
    prefix: str
    user: str | None
    password: str | None
    tls: bool
    files: dict[str, str]


def redis_place(url: str) -> RedisPlace:
    """The place that a URL names. Raises ConfigurationError, without the password, for a URL of another form."""
    why = "it must be " + FORM
    try:
        parts = urlsplit(url)
        tls = parts.scheme == "rediss"
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query), keep_blank_values=True))
        database = int(parts.path.strip("/") or 0)
        port = parts.port or 6379
    except ValueError:  # its text quotes what it takes for a port
        raise ConfigurationError(f"{redacted(url)!r} is not a store URL: {why}") from None
    if not parts.hostname or parts.fragment or database < 0 or parts.netloc.count("@") > 1:
        raise ConfigurationError(f"{redacted(url)!r} is not a store URL: {why}")
    unknown = options.keys() - {"prefix", *(_FILES if tls else ())}
    if unknown:
        raise ConfigurationError(f"{redacted(url)!r}: a {parts.scheme} URL has no option {min(unknown)!r}")
    return RedisPlace(
        parts.hostname,
        port,
        database,
        checked_prefix(options.pop("prefix", ""), url),
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        tls,
        options,
    )
