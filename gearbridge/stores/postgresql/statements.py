"""The statements of the job table in PostgreSQL: arrays unnested into one INSERT, UPDATE or DELETE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..jobtable.bulk import CLAIMED_PAYLOADS, claimed_rows
from ..jobtable.rows import CLAIM_COLUMNS, COLUMNS, CONTENT, SETTLED
from ..jobtable.schema import KEPT, WAITING, job

if TYPE_CHECKING:
    from ..jobtable.rows import Row

# Names as text, numbers in their own width: psycopg sends arrays in binary.
PUT = (
    "unnest(%b::text[], %b::text[], %b::text[], %b::int2[], %b::bytea[], %b::int8[], %b::int4[], %b::text[]) "
    f"AS put ({', '.join(COLUMNS)})"
)


def insert(state: int, conflict: str) -> str:
    """Return the statement for rows in this state; `conflict` is its clause for those that are there already."""
    return f"INSERT INTO {job.name} ({', '.join(COLUMNS)}, state) SELECT *, {state} FROM {PUT} ON CONFLICT {conflict}"


#: Leaves a row that is there as it is, and changes nothing in it; fails where that is another job's. What cannot be
#: cast is computed, so that it is not tried when the statement is planned.
UNLESS_OURS = (
    f"(handle) DO UPDATE SET handle = {job.name}.handle WHERE CASE "
    f"WHEN ({', '.join(f'{job.name}.{name}' for name in CONTENT)}) IS NOT DISTINCT FROM "
    f"({', '.join(f'excluded.{name}' for name in CONTENT)}) THEN false "
    f"ELSE CAST('another job has the handle ' || {job.name}.handle AS boolean) END"
)
INSERT = {state: insert(state, UNLESS_OURS) for state in (KEPT, WAITING)}
UPDATE = (
    f"UPDATE {job.name} SET attempts = changed.attempts, numerator = NULL, denominator = NULL "
    "FROM unnest(%b::text[], %b::int4[]) AS changed (handle, attempts) "
    f"WHERE {job.name}.handle = changed.handle"
)
_INT = "int8"
_TYPES = {"state": "int2", "attempts": "int4", "result": "bytea", "error": "text"}
SETTLE = (
    f"UPDATE {job.name} AS job SET {', '.join(f'{name} = COALESCE(changed.{name}, job.{name})' for name in SETTLED)} "
    f"FROM unnest(%b::text[], {', '.join(f'%b::{_TYPES.get(name, _INT)}[]' for name in SETTLED)}) "
    f"AS changed (handle, {', '.join(SETTLED)}) WHERE job.handle = changed.handle AND job.state IN ({KEPT}, {WAITING})"
)


def waiting_ids(only: str = "", lock: str = "", length: str = "") -> str:
    """Return the query for the ids of the first rows to claim; of those that meet a further condition, and locked.

    `length` is an expression that is found of each row too, under this name.
    """
    also = f", {length} AS length" if length else ""
    of_function = (
        f"SELECT job.id{also} FROM {job.name} AS job WHERE job.state = {WAITING} AND job.function = wanted.function"
    )
    tail = f"LIMIT wanted.at_most {lock}"
    ready = f"{of_function} AND job.due = 0 {only} ORDER BY job.priority, job.id {tail}"
    soon = f"{of_function} AND job.due > 0 AND job.due <= %b {only} ORDER BY job.due {tail}"
    return (
        "SELECT found.* FROM unnest(%b::text[], %b::int8[]) AS wanted (function, at_most), "
        f"LATERAL (SELECT * FROM ({ready}) AS ready UNION ALL SELECT * FROM ({soon}) AS soon) AS found"
    )


def columns_of(rows: list[Row]) -> list[list[Any]]:
    """Return rows as the arrays that PUT takes."""
    return [list(column) for column in zip(*rows, strict=True)]


WAITING_IDS = waiting_ids()
_OF_IDS = "WHERE id = ANY (%b::int8[])"
ROWS = f"{claimed_rows(CLAIM_COLUMNS).format(inline='%b::int8')} {_OF_IDS} ORDER BY id"
PAYLOADS = f"{CLAIMED_PAYLOADS} {_OF_IDS}"
FREE = f"SELECT handle FROM {job.name} WHERE handle = ANY (%b::text[]) FOR UPDATE SKIP LOCKED"
DELETE = f"DELETE FROM {job.name} WHERE handle = ANY (%b::text[])"
