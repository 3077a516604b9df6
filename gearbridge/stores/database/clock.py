"""The database's clock as an SQL expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine


class Clock(FunctionElement[float]):
    """The seconds since 1970 by the database's clock."""

    type: TypeEngine[float] = Double()
    inherit_cache: bool | None = True


@compiles(Clock)
def _in_sqlite(*_: object, **_more: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(Clock, "postgresql")
def _in_postgresql(*_: object, **_more: object) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)"


@compiles(Clock, "mysql")
@compiles(Clock, "mariadb")
def _in_mysql(*_: object, **_more: object) -> str:
    return "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)"
