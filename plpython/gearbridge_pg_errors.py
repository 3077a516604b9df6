"""The client's errors as PostgreSQL's: SQLSTATE, DETAIL and HINT for each. It knows no client and no job.

It runs inside PostgreSQL, beside gearbridge_pg.py: Python 3.9 and later, standard library only.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import plpy

if TYPE_CHECKING:  # inside PostgreSQL the package is not named gearbridge, so there the names must be relative
    from gearbridge import errors
else:
    from . import errors

# What is not here is 22023 (invalid_parameter_value): ConfigurationError, and ValueError for names that cannot be sent.
_STATES: dict[type[Exception], tuple[str, str | None, str | None]] = {
    errors.ServersUnreachable: (
        "08001",
        None,
        "Is a job server running there? gman_servers() shows where this session looks, gman_servers_set() changes it.",
    ),
    errors.ConnectionLost: (
        "08006",
        "A job that was just being submitted may or may not have been accepted.",
        "The next call connects again. With a unique key it is safe to submit a job again.",
    ),
    # Not 57014 (query_canceled): nobody cancelled, and PL/pgSQL's WHEN OTHERS would let it pass.
    errors.ReplyTimeout: (
        "GB004",
        "A job that was just being submitted may or may not have been accepted.",
        "Raise gearbridge.reply_timeout, or look whether the job server is overloaded.",
    ),
    errors.ProtocolError: ("08P01", None, "Is what listens there really a Gearman server?"),
    errors.JobFailed: ("GB001", None, "The reason, if there is one to know, is in the worker's log."),
    errors.JobException: ("GB002", "The worker sent this text with its exception.", "The worker's log may say more."),
    errors.ServerError: (
        "GB003",
        "The job server answered with an ERROR packet.",
        "The job server's log may say more.",
    ),
}


class SqlError(plpy.Error):
    """An error as PostgreSQL reports it."""

    def __init__(self, sqlstate: str, message: str, detail: str | None = None, hint: str | None = None) -> None:
        super().__init__(printable(message))
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint


# PL/Python reports `module.class: message`, and leaves out the module of a built-in: so users read "gearbridge: ...".
SqlError.__name__ = "gearbridge"
SqlError.__module__ = "builtins"


def sql_error(error: Exception) -> SqlError:
    """Return the SQL error of one of the client's."""
    sqlstate, detail, hint = _STATES.get(type(error), ("22023", None, None))
    return SqlError(sqlstate, str(error), detail, hint)


def null_argument(function: str | None) -> SqlError:
    """Return the error for a NULL function, or else a NULL payload."""
    # pggearman's words, for those who look for them; pggearman says workload for payload.
    return SqlError("22004", f"gearman {'function' if function is None else 'payload'} cannot be NULL")


def not_text(reason: str) -> SqlError:
    """Return the error for a result that is bytes where text was asked for."""
    hint = "Pass the payload as bytea, then the result comes as bytea: gman_do(function, convert_to(payload, 'UTF8'))"
    return SqlError("22021", "the job's result is not UTF-8 text", f"The job is done, but {reason}.", hint)


def printable(text: str) -> str:
    """Return the text with what a message of this database cannot contain as backslash escapes."""
    encoding = plpy.execute("SELECT pg_catalog.current_setting('server_encoding') AS name")[0]["name"]
    try:
        codecs.lookup(encoding)
    except LookupError:  # SQL_ASCII, and those that PostgreSQL names differently
        encoding = "ascii"
    return text.replace("\0", "\\x00").encode(encoding, "backslashreplace").decode(encoding)
