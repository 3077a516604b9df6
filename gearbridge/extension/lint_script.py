"""What we demand of an installing script beside its functions: nothing in it is bound to what others have prepared.

The rules:
1. Before anything is made, search_path is set to `pg_catalog, pg_temp`, for this transaction.
2. Every object is made, commented on and granted with its schema.
3. Views, bodies that are bound when they are made, checks, defaults, generated columns, indexes and DO blocks name no
   table and no function without its schema. Their operators are PostgreSQL's, because of rule 1.
4. A body that is read when it is called has no backslash in a plain literal: with standard_conforming_strings off that
   means something else. E'...' means the same always.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pglast
from pglast import ast
from pglast.enums import ObjectType
from pglast.visitors import Visitor

from .lint import plpgsql_queries
from .signatures import parse_script

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATH = ("pg_catalog", "pg_temp")
#: What a name that is left alone is looked for in, for the lint: any schema will do.
_EXTENSION_SCHEMA = "extension_schema"
_FUNCTIONS = (ObjectType.OBJECT_FUNCTION, ObjectType.OBJECT_AGGREGATE, ObjectType.OBJECT_ROUTINE)
_TRIGGER_ROWS = ("new", "old")


def lint_script(script: str) -> list[str]:
    """Check an assembled script; return a line for each fault."""
    faults: list[str] = []
    is_pinned = False
    for statement in parse_script(script, f"{_EXTENSION_SCHEMA}."):
        is_pinned = is_pinned or _pins_path(statement)
        if isinstance(statement, (ast.VariableSetStmt, ast.TransactionStmt)) or _makes_language(statement):
            continue
        if not is_pinned:
            faults.append("the script makes something before SET LOCAL search_path = pg_catalog, pg_temp")
            is_pinned = True  # reported once
        faults.extend(f"{_about(statement)}: {fault}" for fault in _faults(statement))
    return faults


def _pins_path(statement: Any) -> bool:
    return (
        isinstance(statement, ast.VariableSetStmt)
        and statement.name == "search_path"
        and bool(statement.is_local)
        and tuple(one.val.sval for one in statement.args or ()) == _PATH
    )


def _makes_language(statement: Any) -> bool:
    return isinstance(statement, ast.CreateExtensionStmt) and statement.extname == "plpython3u"


def _faults(statement: Any) -> Iterator[str]:
    yield from (f"is made or named without its schema: {name}" for name in _bare_objects(statement))
    if isinstance(statement, ast.DoStmt):
        (body,) = (one.arg.sval for one in statement.args or () if one.defname == "as")
        yield from _faults_of_body(f"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS {_quoted(body)}")
        yield from _backslashes(body)
        return
    if isinstance(statement, ast.CreateFunctionStmt):
        options: dict[str, Any] = {option.defname: option.arg for option in statement.options or ()}
        if "as" in options and not options["language"].sval.startswith("plpython"):
            yield from _backslashes(options["as"][0].sval)
    yield from _bare_names(statement)


def _faults_of_body(function: str) -> Iterator[str]:
    for query in plpgsql_queries(function):
        yield from _bare_names(pglast.parse_sql(query))


def _bare_objects(statement: Any) -> Iterator[str]:
    kind = type(statement)
    if kind in (ast.CreateFunctionStmt, ast.DefineStmt, ast.CreateDomainStmt):
        name = getattr(statement, "funcname", None) or getattr(statement, "defnames", None) or statement.domainname
        if len(name) == 1:
            yield name[0].sval
    elif kind is ast.CommentStmt and statement.objtype in _FUNCTIONS:
        if len(statement.object.objname) == 1:
            yield statement.object.objname[0].sval
    elif kind is ast.GrantStmt and statement.objtype in _FUNCTIONS:
        yield from (one.objname[0].sval for one in statement.objects if len(one.objname) == 1)


def _bare_names(node: Any) -> Iterator[str]:
    finder = _Names()
    finder(node)
    yield from (f"names {name} without its schema" for name in sorted(finder.bare - finder.common))


class _Names(Visitor):
    """Tables and functions that are named without a schema; `common` are the names that WITH gives."""

    def __init__(self) -> None:
        self.bare: set[str] = set()
        self.common: set[str] = set()

    def visit_CommonTableExpr(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's naming
        self.common.add(node.ctename)

    def visit_RangeVar(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's naming
        if node.schemaname is None and node.relname not in _TRIGGER_ROWS:
            self.bare.add(node.relname)

    def visit_FuncCall(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's naming
        if len(node.funcname) == 1:
            self.bare.add(node.funcname[0].sval + "()")


def _backslashes(body: str) -> Iterator[str]:
    for token in pglast.parser.scan(body):
        text = body.encode()[token.start : token.end + 1].decode()
        if token.name == "SCONST" and text.startswith("'") and "\\" in text:
            yield f"has a backslash in a plain literal, {text}: write E'...'"


def _quoted(body: str) -> str:
    return "'" + body.replace("'", "''") + "'"


def _about(statement: Any) -> str:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(statement).__name__.removesuffix("Stmt")).upper()
    named = getattr(statement, "funcname", None) or getattr(statement, "domainname", None)
    if named:
        return f"{words} {'.'.join(part.sval for part in named)}"
    relation = getattr(statement, "relation", None) or getattr(statement, "view", None)
    return f"{words} {relation.relname}" if isinstance(relation, ast.RangeVar) else words
