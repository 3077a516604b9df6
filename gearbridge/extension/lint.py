"""What we demand of every SQL function, checked with PostgreSQL's own parser. It reads scripts and runs none.

The rules:
1. Volatility and parallel safety are declared, so that the default is never taken by an omission.
2. search_path is pinned to `pg_catalog, pg_temp`: what the caller has in his path is never called. A body whose names
   are resolved when it is created (RETURN, BEGIN ATOMIC) needs that only as SECURITY DEFINER, for what it calls.
3. There is a COMMENT ON with an example, and a word on what ROLLBACK does: help is in the database itself.
4. The script decides the right to execute it: EXECUTE is revoked from PUBLIC, or granted to it deliberately. PL/Python
   is never for PUBLIC.
5. A SECURITY DEFINER function names nothing without its schema, in SQL as in the SQL inside its Python. Only a
   trigger's transition table has none.
"""

from __future__ import annotations

import ast as python
import json
import re
import textwrap
from typing import TYPE_CHECKING, Any

import pglast
from pglast.visitors import Visitor

from .signatures import AGGREGATE, SqlFunction, parse_functions

if TYPE_CHECKING:
    from collections.abc import Iterator

TRANSITION_TABLE = "gearbridge_rows"
SEARCH_PATH = ("pg_catalog", "pg_temp")


def lint(script: str) -> list[str]:
    """Check an assembled script; return a line for each fault, naming the function and what to do."""
    return [f"{function.identity}: {fault}" for function in parse_functions(script) for fault in _faults(function)]


def _faults(function: SqlFunction) -> Iterator[str]:
    if function.language != AGGREGATE:  # which has none of these; its functions have
        yield from _faults_of_options(function)
    if function.comment is None:
        yield "has no COMMENT ON"
    elif "\nExample: " not in function.comment:
        yield "its comment has no line that begins with 'Example: '"
    elif "ROLLBACK" not in function.comment:
        yield "its comment does not say what ROLLBACK does"
    if function.public is None:
        yield "say who may execute it: REVOKE EXECUTE ON FUNCTION ... FROM PUBLIC"
    elif function.public and function.language.startswith("plpython"):
        yield "PL/Python is not for everybody: REVOKE EXECUTE ON FUNCTION ... FROM PUBLIC"
    if function.security_definer:
        for name in unqualified_names(function):
            yield f"is SECURITY DEFINER and names {name} without its schema"


def _faults_of_options(function: SqlFunction) -> Iterator[str]:
    if function.volatility is None:
        yield "declare IMMUTABLE, STABLE or VOLATILE"
    if function.parallel is None:
        yield "declare PARALLEL SAFE, RESTRICTED or UNSAFE"
    if function.search_path != SEARCH_PATH and (function.security_definer or not function.bound):
        yield "pin it: SET search_path = pg_catalog, pg_temp"


def unqualified_names(function: SqlFunction) -> list[str]:
    """The tables and functions that a function's body names without a schema, sorted."""
    names: set[str] = set()
    for statement in _sql_of(function):
        finder = _Names()
        finder(pglast.parse_sql(statement))
        names |= finder.functions | (finder.tables - finder.common)
    if function.returns == "trigger":
        names.discard(TRANSITION_TABLE)
    return sorted(names)


class _Names(Visitor):
    """Collects what is named without a schema; `common` are the names that WITH gives."""

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.common: set[str] = set()
        self.functions: set[str] = set()

    def visit_CommonTableExpr(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's naming
        self.common.add(node.ctename)

    def visit_RangeVar(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's naming
        if node.schemaname is None:
            self.tables.add(node.relname)

    def visit_FuncCall(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's naming
        # EXTRACT() and the like are syntax: for those the parser itself puts pg_catalog before the name.
        if len(node.funcname) == 1:
            self.functions.add(node.funcname[0].sval + "()")


def _sql_of(function: SqlFunction) -> Iterator[str]:
    """Every SQL statement or expression in a body, as a statement; none where the names are bound already."""
    if function.bound:
        return
    if function.language == "sql":
        yield function.body
    elif function.language == "plpgsql":
        # The parser knows the types of PostgreSQL and no others, so a type of our own becomes text.
        parameters = (re.sub(r"\bgearbridge\.\w+", "text", one) for one in function.parameters)
        declared = f"CREATE FUNCTION f({', '.join(parameters)}) RETURNS {function.returns or 'void'}"
        yield from plpgsql_queries(f"{declared} LANGUAGE plpgsql AS {_quoted(function.body)}")
    elif function.language.startswith("plpython"):
        tree = python.parse("def body():\n" + textwrap.indent(function.body, "    "))
        for call in python.walk(tree):
            if isinstance(call, python.Call) and python.unparse(call.func) in {"plpy.execute", "plpy.prepare"}:
                query = call.args[0]
                if isinstance(query, python.Constant) and isinstance(query.value, str):
                    yield query.value


def plpgsql_queries(function: str) -> Iterator[str]:
    """Each SQL statement or expression in the body of a PL/pgSQL function, given as its CREATE FUNCTION."""
    return _plpgsql_queries(json.loads(pglast.parser.parse_plpgsql_json(function)))


def _quoted(body: str) -> str:
    return "'" + body.replace("'", "''") + "'"


def _plpgsql_queries(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "PLpgSQL_expr":
                text = value["query"]
                yield text if _parses(text) else f"SELECT {text.partition(':=')[2] or text}"
            else:
                yield from _plpgsql_queries(value)
    elif isinstance(node, list):
        for one in node:
            yield from _plpgsql_queries(one)


def _parses(text: str) -> bool:
    try:
        pglast.parse_sql(text)
    except pglast.parser.ParseError:
        return False
    return True
