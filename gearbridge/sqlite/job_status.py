"""One job in an SQLite database's job table: the twin of PostgreSQL's gman_job and gman_status.

It reads, and begins no transaction of its own. Handles of jobs that SQL enqueued begin with S:.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'gearbridge_job'"
_JOB = """
    SELECT
        handle,
        function,
        nullif(unique_key, '') AS unique_key,
        CASE priority WHEN 0 THEN 'high' WHEN 2 THEN 'low' ELSE 'normal' END AS priority,
        CASE
            WHEN state = 2 THEN 'failed'
            WHEN state = 3 THEN 'done'
            WHEN due > CAST(strftime('%s', 'now') AS INTEGER) THEN 'scheduled'
            ELSE 'ready'
        END AS state,
        CASE WHEN due > 0 THEN datetime(due, 'unixepoch') END AS run_at,
        attempts,
        nullif(max_attempts, 0) AS max_attempts,
        numerator,
        denominator,
        error,
        datetime(enqueued, 'unixepoch') AS enqueued_at,
        enqueued_by,
        datetime(finished, 'unixepoch') AS finished_at,
        length(payload) AS payload_size,
        keep_result = 1 AS keep_result
    FROM gearbridge_job WHERE handle = ?
"""


def has_jobs(connection: sqlite3.Connection) -> bool:
    """Return whether the connection's database has a job table."""
    return bool(connection.execute(_THERE).fetchall())


def job_row(connection: sqlite3.Connection, handle: str) -> dict[str, Any] | None:
    """All that the table knows of a job, by the names of gman_jobs' columns; times are in UTC. None: not there."""
    cursor = connection.cursor()
    cursor.row_factory = None
    cursor.execute(_JOB, (handle,))
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in found:
        row["keep_result"] = bool(row["keep_result"])
    return found[0] if found else None


def status_row(connection: sqlite3.Connection, handle: str) -> dict[str, Any]:
    """Return a job's status as gman_status() does: running from the first progress of an attempt until its end."""
    row = job_row(connection, handle)
    known = row is not None and row["state"] in ("ready", "scheduled")
    numerator, denominator = (row["numerator"] or 0, row["denominator"] or 0) if row and known else (0, 0)
    return {
        "known": known,
        "running": numerator > 0 or denominator > 0,
        "numerator": numerator,
        "denominator": denominator,
        "percentage": 100.0 * numerator / denominator if denominator else None,
    }
