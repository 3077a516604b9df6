"""A check that a text is exactly one SQL expression, so that between parentheses it can be nothing else.

Rules of this file:
1. No comment, no semicolon outside of quotes, and every bracket is closed by its own kind. Then what stands between our
   parentheses stays there, whatever it contains, and the statement around it is ours.
2. What is inside is the database's to judge: PostgreSQL's parser, in pglast, before; the others when they prepare it.
3. It may name the rows NEW and OLD where the event has them.
"""

from __future__ import annotations

from typing import Any

from gearbridge.errors import ConfigurationError
from gearbridge.extension.parser import postgresql_parser

from .tokens import Kind, Token, tokens

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_QUERIES = ("SELECT", "WITH", "VALUES", "TABLE")


def check_expression(what: str, text: str, database: str) -> frozenset[str]:
    """Demand that a text is one expression; return which of the rows NEW and OLD it names.

    Raises ConfigurationError, whose message names the expression by `what`.
    """
    try:
        found = tokens(text, database)
        _demand_one(found)
        if database == "postgresql":
            _demand_parsed(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"the {what} must be one SQL expression, and is not: {error}") from error
    return rows_named(found)


def rows_named(found: list[Token]) -> frozenset[str]:
    """Return which of NEW and OLD are named, by themselves or before a dot. As a column's name they are not."""
    before = [Token(Kind.SIGN, ""), *found]
    return frozenset(
        token.text.upper()
        for previous, token in zip(before, found, strict=False)
        if token.kind in (Kind.WORD, Kind.NAME) and token.text.upper() in ("NEW", "OLD") and previous.text != "."
    )


def number_of(text: str) -> float | None:
    """The value of an expression that is nothing but a number."""
    try:
        return float(text) if text.strip().replace(".", "", 1).isdecimal() and text.isascii() else None
    except ValueError:
        return None


def column_of(text: str, database: str) -> tuple[str, str] | None:
    """The row and the column, where an expression is nothing but a column: ("NEW", "path")."""
    found = tokens(text, database)
    if len(found) != 3 or found[1] != Token(Kind.SIGN, ".") or not rows_named(found[:1]):
        return None
    column = found[2]
    if column.kind == Kind.NAME:
        return found[0].text.upper(), column.text
    # PostgreSQL knows a name without quotes in lower case.
    return (found[0].text.upper(), column.text.lower()) if column.kind == Kind.WORD else None


def _demand_one(found: list[Token]) -> None:
    if not found:
        raise ConfigurationError("it is empty")
    if found[0].kind == Kind.WORD and found[0].text.upper() in _QUERIES:
        raise ConfigurationError("it is a query; put it in parentheses to use its value")
    closing: list[str] = []
    for token in found:
        if token.kind == Kind.COMMENT:
            raise ConfigurationError(f"it has a comment: {token.text}")
        if token.kind != Kind.SIGN:
            continue
        if token.text == ";":
            raise ConfigurationError("it has a semicolon, behind which another statement could follow")
        if token.text in _CLOSING:
            closing.append(_CLOSING[token.text])
        elif token.text in _CLOSING.values() and (not closing or closing.pop() != token.text):
            raise ConfigurationError(f"its brackets do not match at {token.text}")
        elif token.text == "," and not closing:
            raise ConfigurationError("it has a comma outside of brackets: that makes two")
    if closing:
        raise ConfigurationError(f"a bracket is not closed: {closing[-1]} is missing")


def _demand_parsed(text: str) -> None:
    """Let PostgreSQL's own parser look at it, where it will stand: between parentheses."""
    pglast = postgresql_parser()  # a tenth of a second that the other databases do not need
    try:
        statements = pglast.parse_sql(f"SELECT ({text})")
    except pglast.parser.ParseError as error:
        raise ConfigurationError(str(error.args[0])) from error
    selected: Any = statements[0].stmt
    if len(statements) != 1 or len(selected.targetList or ()) != 1 or selected.fromClause:
        raise ConfigurationError("PostgreSQL reads more than one expression in it")
