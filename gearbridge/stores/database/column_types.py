"""Column types that MySQL names in another way.

SQLAlchemy has them, in a package that loads the dialects of all of MySQL's drivers; a server of another store starts
without those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

#: The names of SQLAlchemy's dialects for MySQL and MariaDB.
MYSQL = ("mysql", "mariadb")


class _LongBlob(LargeBinary):
    """Up to 4 GB; MySQL's BLOB holds 64 KB."""


class _TextOf(Text):
    """Text of a character set, whatever the database's is."""

    def __init__(self, charset: str) -> None:
        super().__init__()
        self.charset = charset


class _StringOf(String):
    """A string of a character set, compared byte by byte."""

    def __init__(self, length: int, charset: str) -> None:
        super().__init__(length)
        self.charset = charset


def _long_blob(_type: _LongBlob, _compiler: Any, **_options: Any) -> str:
    return "LONGBLOB"


def _text_of(column_type: _TextOf, _compiler: Any, **_options: Any) -> str:
    return f"TEXT CHARACTER SET {column_type.charset}"


def _string_of(column_type: _StringOf, _compiler: Any, **_options: Any) -> str:
    charset = column_type.charset
    return f"VARCHAR({column_type.length}) CHARACTER SET {charset} COLLATE {charset}_bin"


for _type, _written in ((_LongBlob, _long_blob), (_TextOf, _text_of), (_StringOf, _string_of)):
    compiles(_type, *MYSQL)(_written)


def blob() -> TypeEngine[bytes]:
    """Bytes of any length."""
    return LargeBinary().with_variant(_LongBlob(), *MYSQL)


def long_text() -> TypeEngine[str]:
    """Text of any length."""
    return Text().with_variant(_TextOf("utf8mb4"), *MYSQL)


def string(length: int, charset: str = "utf8mb4") -> TypeEngine[str]:
    """Text that is compared byte by byte. MySQL's default collations take `U1` and `u1` for the same.

    In PostgreSQL that makes the indexes quick, and independent of the C library's locales.
    """
    return (
        String(length)
        .with_variant(_StringOf(length, charset), *MYSQL)
        .with_variant(String(length, collation="C"), "postgresql")
    )
