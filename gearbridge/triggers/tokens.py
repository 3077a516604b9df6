"""The words of an SQL expression: what is a literal, what a name, what stands between. It judges nothing.

PostgreSQL's are read by PostgreSQL's own scanner, in pglast. For MySQL and SQLite there is one walk of ours: all that
has to be known of them is where quotes and comments begin and end.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from gearbridge.errors import ConfigurationError
from gearbridge.extension.parser import postgresql_parser


class Kind(Enum):
    """The kind of a token."""

    WORD = auto()  # a keyword or a name without quotes
    NAME = auto()  # a name in quotes
    LITERAL = auto()
    COMMENT = auto()
    SIGN = auto()  # one character of punctuation, or an operator


class Token(NamedTuple):
    """A token and its text; that of a name in quotes is what is between them."""

    kind: Kind
    text: str


class Quote(NamedTuple):
    """A pair of quotes: the closing one (written twice it is a character of the text), and what is between them."""

    end: str
    kind: Kind
    doubles: bool = True


_SQLITE = {
    "'": Quote("'", Kind.LITERAL),
    '"': Quote('"', Kind.NAME),
    "`": Quote("`", Kind.NAME),
    "[": Quote("]", Kind.NAME, doubles=False),
}
_MYSQL = {"'": Quote("'", Kind.LITERAL), '"': Quote('"', Kind.LITERAL), "`": Quote("`", Kind.NAME)}
_QUOTES = {"sqlite": _SQLITE, "mysql": _MYSQL}
_COMMENTS = {"sqlite": ("--", "/*", "*/"), "mysql": ("--", "/*", "*/", "#")}
_WORD = re.compile(r"[^\W\d][\w$]*")
_NUMBER = re.compile(r"\d[\w.]*")
_SPACE = re.compile(r"\s+")


def tokens(text: str, database: str) -> list[Token]:
    """The tokens of a text, as this kind of database reads them.

    Raises ConfigurationError where a quote is not closed, or where what it encloses depends on the database's settings.
    """
    if re.search("[\0\ud800-\udfff]", text):
        raise ConfigurationError("it contains a character that no SQL may have")
    return _postgresql(text) if database == "postgresql" else _walk(text, database)


def _walk(text: str, database: str) -> list[Token]:
    quotes, comments = _QUOTES[database], _COMMENTS[database]
    found: list[Token] = []
    position = 0
    while position < len(text):
        start = position
        if match := _SPACE.match(text, position):
            position = match.end()
        elif text.startswith(comments, position):
            found.append(Token(Kind.COMMENT, text[position:]))
            break
        elif text[position] in quotes:
            token, position = _quoted(text, start, quotes[text[start]])
            if database == "mysql" and token.kind == Kind.LITERAL and "\\" in token.text:
                raise ConfigurationError(
                    "it has a backslash between quotes, which MySQL reads in one way or another by its sql_mode; "
                    "write CHAR(92) for a backslash, and '' for a quote"
                )
            found.append(token)
        elif match := _WORD.match(text, position):
            found.append(Token(Kind.WORD, match[0]))
            position = match.end()
        elif match := _NUMBER.match(text, position):
            found.append(Token(Kind.LITERAL, match[0]))
            position = match.end()
        else:
            found.append(Token(Kind.SIGN, text[position]))
            position += 1
    return found


def _quoted(text: str, start: int, quote: Quote) -> tuple[Token, int]:
    """The quoted token that begins at `start`, and where it ends."""
    position = start + 1
    while True:
        end = text.find(quote.end, position)
        if end < 0:
            raise ConfigurationError(f"a quote is not closed: {text[start:]}")
        if not quote.doubles or not text.startswith(quote.end * 2, end):
            between = text[start + 1 : end]
            return Token(quote.kind, between.replace(quote.end * 2, quote.end) if quote.doubles else between), end + 1
        position = end + 2


def _postgresql(text: str) -> list[Token]:
    pglast = postgresql_parser()  # a tenth of a second that the other databases do not need
    try:
        scanned = pglast.parser.scan(text)
    except pglast.parser.ParseError as error:
        raise ConfigurationError(str(error.args[0])) from error
    return [_scanned(one.name, one.kind, text[one.start : one.end + 1]) for one in scanned]


def _scanned(name: str, kind: str, text: str) -> Token:
    if name in ("SQL_COMMENT", "C_COMMENT"):
        return Token(Kind.COMMENT, text)
    if name in ("IDENT", "UIDENT"):
        return Token(Kind.NAME, text[1:-1].replace('""', '"')) if text.startswith('"') else Token(Kind.WORD, text)
    if kind != "NO_KEYWORD":
        return Token(Kind.WORD, text)
    if name.endswith("CONST"):
        return Token(Kind.LITERAL, text)
    return Token(Kind.SIGN, text)
