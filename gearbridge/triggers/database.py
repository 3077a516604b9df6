"""A database by its URL, opened for making triggers: one transaction, committed at the end."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gearbridge.errors import ConfigurationError
from gearbridge.stores.database.engines import engine_for
from gearbridge.stores.database.errors import advice, reason
from gearbridge.stores.database.redaction import redacted
from gearbridge.stores.database.urls import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

FORMS = (
    "postgresql://USER:PASSWORD@HOST[,HOST...]/DATABASE, mysql://USER:PASSWORD@HOST[,HOST...]/DATABASE "
    "or sqlite:///FILE"
)

#: PostgreSQL's SQLSTATE where no gman_enqueue takes the type of an expression.
_NO_SUCH_FUNCTION = "42883"


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """A connection in a transaction.

    Raises ConfigurationError for a URL that names no database, and for what the database refuses meanwhile.
    """
    try:
        parsed = database_url(url)
        engine = engine_for(parsed)
    except ConfigurationError:
        raise ConfigurationError(f"{redacted(url)!r} is no database that takes triggers; it is {FORMS}") from None
    if engine.dialect.name == "sqlite" and not Path(parsed.database or "").is_file():
        raise ConfigurationError(f"there is no SQLite file {parsed.database or ''}")
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":  # a table is named as the database finds it
                connection.exec_driver_sql("RESET search_path")
            yield connection
    except DBAPIError as error:
        raise ConfigurationError(f"the database refused it: {_complaint(error.orig)}{advice(error)}") from error
    except SQLAlchemyError as error:
        raise ConfigurationError(f"{redacted(parsed)}: {reason(error)}") from error
    finally:
        engine.dispose()


def _complaint(error: BaseException | None) -> str:
    said = str(error).strip() if isinstance(error, sqlite3.Error) else _message(error)
    if getattr(error, "sqlstate", None) == _NO_SUCH_FUNCTION and "_payload" in said:
        said += "\nThe payload must be text, bytea or jsonb: (NEW.id)::text, or jsonb_build_object('id', NEW.id)"
    return said


def _message(error: BaseException | None) -> str:
    arguments: tuple[object, ...] = getattr(error, "args", ())
    # MySQL's drivers give a number and a text.
    return str(arguments[1]) if len(arguments) > 1 and isinstance(arguments[0], int) else str(error).strip()
