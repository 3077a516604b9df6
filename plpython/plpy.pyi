# The part of PL/Python's `plpy` module that gearbridge_pg uses. Source: PostgreSQL's documentation, "PL/Python".
from collections.abc import Mapping, Sequence
from typing import Any, overload

class Error(Exception):
    """An error on its way to PostgreSQL; these attributes go into its report."""

    sqlstate: str
    detail: str | None
    hint: str | None

class Plan: ...

def prepare(query: str, argtypes: Sequence[str] = ...) -> Plan: ...
@overload
def execute(query: str | Plan, limit: int = ...) -> Sequence[Mapping[str, Any]]: ...
@overload
def execute(query: Plan, arguments: Sequence[Any], limit: int = ...) -> Sequence[Mapping[str, Any]]: ...
def warning(message: str) -> None: ...
