"""Functions and operators that match better than those our scripts and functions mean, in a schema of somebody's.

Each says with a NOTICE in whose name it runs.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from pglast.visitors import Visitor

from gearbridge.extension.build import assembled
from gearbridge.extension.signatures import parse_script

if TYPE_CHECKING:
    from tests.fixtures.postgres import Session

#: What our columns and arguments are, and what a better match may be made for.
_TYPES = ("varchar", "text", "bytea", "smallint", "integer", "bigint", "float8", "boolean", "timestamptz", "name")

_SCRIPT = """
DO $decoys$
DECLARE
    one record;
    body CONSTANT text := 'LANGUAGE plpgsql IMMUTABLE AS '
        '$$ BEGIN RAISE NOTICE ''ran as %%'', current_user; RETURN NULL; END $$';
BEGIN
    FOR one IN
        SELECT function, first, second FROM unnest({functions}) AS function, unnest({types}) AS first,
            unnest(ARRAY['', 'text', 'varchar', 'bigint', 'float8']) AS second
        UNION SELECT 'decoy', first, second FROM unnest({types}) AS first, unnest({types}) AS second
    LOOP
        EXECUTE format('CREATE FUNCTION {schema}.%I(%s) RETURNS %s ' || body,
            one.function, concat_ws(', ', one.first, nullif(one.second, '')), one.first);
    END LOOP;
    FOR one IN
        SELECT symbol, first, second
        FROM unnest({operators}) AS symbol, unnest({types}) AS first, unnest({types}) AS second
    LOOP
        EXECUTE format('CREATE OPERATOR {schema}.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = {schema}.decoy)',
            one.symbol, one.first, one.second);
    END LOOP;
END
$decoys$
"""


class _Used(Visitor):
    """Collects the functions and operators that statements name."""

    def __init__(self) -> None:
        self.functions: set[str] = set()
        self.operators = {"=", "<>", "<", ">", "<=", ">=", "||"}

    def visit_FuncCall(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's naming
        self.functions.add(node.funcname[-1].sval)

    def visit_A_Expr(self, _: Any, node: Any) -> None:  # noqa: N802  pglast's naming
        self.operators |= {one.sval for one in node.name if re.fullmatch(r"[-+*/<>=~!@#%^&|`?]+", one.sval)}


@cache
def used() -> _Used:
    """What our scripts name; of the bodies that are read when they are called, what they name with its schema."""
    found = _Used()
    for name, text in assembled().items():
        if name.endswith(".sql"):
            for statement in parse_script(text):
                found(statement)
            found.functions |= set(re.findall(r"pg_catalog\.(\w+)\(", text))
    found.functions -= {"pg_extension_config_dump", "nextval", "setval"}
    return found


def make_decoys(session: Session, schema: str) -> None:
    """Fill a schema."""
    lists = {"functions": sorted(used().functions), "operators": sorted(used().operators), "types": _TYPES}
    arrays = {name: f"ARRAY[{','.join(map(_literal, values))}]" for name, values in lists.items()}
    session.execute(_SCRIPT.format(schema=schema, **arrays).encode())


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
