"""The functions of an assembled script as PostgreSQL's own parser sees them: signature, options, comment, rights.

It judges nothing: lint.py does, and reference.py makes a page of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pglast
from pglast import ast
from pglast.enums import FunctionParameterMode, GrantTargetType, ObjectType, RoleSpecType
from pglast.stream import RawStream

#: The language of an aggregate, which has none.
AGGREGATE = "aggregate"

_FUNCTIONS = (
    ObjectType.OBJECT_AGGREGATE,
    ObjectType.OBJECT_FUNCTION,
    ObjectType.OBJECT_PROCEDURE,
    ObjectType.OBJECT_ROUTINE,
)
_INPUT_MODES = (
    FunctionParameterMode.FUNC_PARAM_DEFAULT,
    FunctionParameterMode.FUNC_PARAM_IN,
    FunctionParameterMode.FUNC_PARAM_INOUT,
    FunctionParameterMode.FUNC_PARAM_VARIADIC,
)


class Identity(NamedTuple):
    """The identity of a function: its name as written, and the types of its input arguments."""

    name: str
    types: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.types)})"


class SqlFunction(NamedTuple):
    """One CREATE FUNCTION, PROCEDURE or AGGREGATE with the script's other statements about it.

    `volatility` and `parallel` are None where they are not declared, `search_path` where it is not pinned, `comment`
    where there is none. `public` is whether PUBLIC may execute it, None where the script does not decide it.
    `bound` is whether its names are resolved when it is created (RETURN, BEGIN ATOMIC); `body` is empty then.
    An aggregate's `language` is AGGREGATE, and its `returns` is None: only its final function knows.
    """

    identity: Identity
    parameters: tuple[str, ...]
    returns: str | None
    language: str
    volatility: str | None
    parallel: str | None
    strict: bool
    security_definer: bool
    search_path: tuple[str, ...] | None
    body: str
    bound: bool
    comment: str | None
    public: bool | None


def parse_functions(script: str) -> list[SqlFunction]:
    """Read an extension's script; the functions come in its order. Raises pglast.Error where it is not SQL."""
    statements = parse_script(script)
    comments: dict[Identity, str] = {}
    public: dict[Identity, bool] = {}
    for statement in statements:
        if isinstance(statement, ast.CommentStmt) and statement.objtype in _FUNCTIONS:
            comments[_identity(statement.object)] = statement.comment or ""
        elif isinstance(statement, ast.GrantStmt) and _is_about_public_execution(statement):
            public |= {_identity(one): bool(statement.is_grant) for one in statement.objects or ()}
    made: list[SqlFunction] = []
    for statement in statements:
        if isinstance(statement, ast.CreateFunctionStmt):
            made.append(_read(statement, comments, public))
        elif isinstance(statement, ast.DefineStmt) and statement.kind == ObjectType.OBJECT_AGGREGATE:
            made.append(_read_aggregate(statement, comments, public))
    return made


def parse_script(script: str, schema: str = "") -> list[Any]:
    """Parse a script's statements, whose fields may all be None. `schema` is put for the extension's, with a dot.

    Raises pglast.Error where it is not SQL.
    """
    lines = ["" if line.startswith(("\\echo ", "\\set ")) else line for line in script.splitlines()]
    return [raw.stmt for raw in pglast.parse_sql("\n".join(lines).replace("@extschema@.", schema))]


def _read(statement: Any, comments: dict[Identity, str], public: dict[Identity, bool]) -> SqlFunction:
    parameters = statement.parameters or ()
    inputs = [one for one in parameters if one.mode in _INPUT_MODES]
    identity = Identity(_name(statement.funcname), tuple(_sql(one.argType) for one in inputs))
    search_path: tuple[str, ...] | None = None
    options: dict[str, Any] = {}
    for option in statement.options or ():
        if option.defname != "set":
            options[option.defname] = option.arg
        elif option.arg.name == "search_path" and option.arg.args:
            search_path = tuple(one.val.sval for one in option.arg.args)
    return SqlFunction(
        identity,
        tuple(_sql(one) for one in parameters),
        _sql(statement.returnType) if statement.returnType else None,
        options["language"].sval,
        options["volatility"].sval if "volatility" in options else None,
        options["parallel"].sval if "parallel" in options else None,
        "strict" in options and bool(options["strict"].boolval),
        "security" in options and bool(options["security"].boolval),
        search_path,
        options["as"][0].sval if "as" in options else "",
        statement.sql_body is not None,
        comments.get(identity),
        public.get(identity),
    )


def _read_aggregate(statement: Any, comments: dict[Identity, str], public: dict[Identity, bool]) -> SqlFunction:
    parameters = statement.args[0] or ()
    identity = Identity(_name(statement.defnames), tuple(_sql(one.argType) for one in parameters))
    return SqlFunction(
        identity,
        tuple(_sql(one) for one in parameters),
        returns=None,
        language=AGGREGATE,
        volatility=None,
        parallel=None,
        strict=False,
        security_definer=False,
        search_path=None,
        body="",
        bound=False,
        comment=comments.get(identity),
        public=public.get(identity),
    )


def _identity(named: Any) -> Identity:
    return Identity(_name(named.objname), tuple(_sql(one) for one in named.objargs or ()))


def _name(parts: Any) -> str:
    return ".".join(part.sval for part in parts)


def _sql(node: Any) -> str:
    return str(RawStream()(node))


def _is_about_public_execution(statement: Any) -> bool:
    named = statement.targtype == GrantTargetType.ACL_TARGET_OBJECT and statement.objtype in _FUNCTIONS
    execution = not statement.privileges or any(one.priv_name == "execute" for one in statement.privileges)
    return named and execution and any(one.roletype == RoleSpecType.ROLESPEC_PUBLIC for one in statement.grantees)
