"""Names and texts as SQL writes them, in each kind of database. Any text round-trips, or is refused."""

from __future__ import annotations

from gearbridge.errors import ConfigurationError

#: Quotes around a name, and how long one may be: in bytes for PostgreSQL, which would cut it, in characters for MySQL.
_QUOTES = {"postgresql": '"', "mysql": "`", "sqlite": '"'}
_LONGEST = {"postgresql": 63, "mysql": 64}


def quote_name(name: str, database: str) -> str:
    """A name in quotes. Raises ConfigurationError for one that the database cannot have."""
    limit = _LONGEST.get(database)
    try:
        octets = name.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{name!r} is no name: it is not Unicode") from None
    if not name or "\0" in name:
        raise ConfigurationError(f"{name!r} is no name: it is empty, or contains a NUL")
    unit, length = ("bytes", len(octets)) if database == "postgresql" else ("characters", len(name))
    if limit is not None and length > limit:
        raise ConfigurationError(f"the name {name} is too long: it has {length} {unit}, and may have {limit}")
    quote = _QUOTES[database]
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"


def quote_text(text: str, database: str) -> str:
    """A text as a literal that means the same under all settings. Raises ConfigurationError for a NUL."""
    if "\0" in text:
        raise ConfigurationError(f"{text!r} contains a NUL")
    quoted = "'" + text.replace("'", "''") + "'"
    if "\\" not in text or database == "sqlite":
        return quoted
    if database == "mysql":
        return f"CONVERT(0x{text.encode().hex()} USING utf8mb4)"
    return "E" + quoted.replace("\\", "\\\\")
