# The part of PL/Python's `plpy` module that gearbridge_pg uses. Source: PostgreSQL's documentation, "PL/Python".
from collections.abc import Mapping, Sequence
from typing import Any

class Error(Exception):
    """An error on its way to PostgreSQL; these attributes go into its report."""

    sqlstate: str
    detail: str | None
    hint: str | None

class Plan: ...

def prepare(query: str, argtypes: Sequence[str] = ...) -> Plan: ...
def execute(query: str | Plan, limit: int = ...) -> Sequence[Mapping[str, Any]]: ...
def warning(message: str) -> None: ...
