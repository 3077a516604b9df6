"""Whether PostgreSQL's privileges are what was granted, and whether the roles are there to which it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .alike import ABOUT
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.extension import database

#: Findings that are named; there may be hundreds.
_NAMED = 5
#: May this role look, and if not, should it?
_MAY_LOOK = """
    SELECT pg_catalog.has_function_privilege(routine.oid, 'EXECUTE'),
        pg_catalog.pg_has_role(coalesce(
            (SELECT extowner FROM pg_catalog.pg_extension WHERE extname = 'gearbridge'), space.nspowner
        ), 'USAGE')
    FROM pg_catalog.pg_proc AS routine JOIN pg_catalog.pg_namespace AS space ON space.oid = routine.pronamespace
    WHERE space.nspname = 'gearbridge' AND routine.proname = 'privilege_differences'
"""
_DIFFERENCES = """
    SELECT CASE one.grantee WHEN 'public' THEN 'everybody' ELSE one.grantee::text END,
        CASE WHEN one.missing THEN 'lacks' ELSE 'has' END, one.privilege, one.name
    FROM gearbridge.privilege_differences() AS one ORDER BY one.missing, one.name, one.privilege
"""
_ORPHANS = """
    SELECT granted.role::text, granted."right", granted.pattern
    FROM gearbridge.role_right AS granted
    WHERE granted.role <> 'public' AND (
        NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS known WHERE known.oid = granted.role_oid)
        OR NOT pg_catalog.has_function_privilege(granted.role_oid, 'gearbridge._holder()', 'EXECUTE')
    )
    ORDER BY 1, 2, 3
"""
_WRITERS = """
    SELECT DISTINCT space.nspname::text,
        CASE given.grantee WHEN 0 THEN 'everybody' ELSE pg_catalog.pg_get_userbyid(given.grantee)::text END
    FROM pg_catalog.pg_proc AS routine
    JOIN pg_catalog.pg_namespace AS space ON space.oid = routine.pronamespace
    CROSS JOIN LATERAL pg_catalog.aclexplode(space.nspacl) AS given
    WHERE routine.proname = 'gman_enqueue' AND given.privilege_type = 'CREATE' AND given.grantee <> space.nspowner
"""


def privileges(db: database.Connection) -> Iterator[Finding]:
    """Look at the privileges; nothing is found for a role that is no administrator."""
    may_look, is_owner = next(iter(_rows(db, _MAY_LOOK)), (False, False))
    if not may_look:
        if is_owner:
            text = "privileges are not as granted: the owner may not execute gearbridge.privilege_differences()"
            yield Finding(ABOUT, False, text, "SELECT gearbridge._apply_rights(), as a superuser")
        return
    differences = [f"{who} {how} {what} on {name}" for who, how, what, name in _rows(db, _DIFFERENCES)]
    text = _listed("privileges are not as granted", differences) or "privileges are as granted"
    yield Finding(ABOUT, not differences, text, "SELECT gearbridge.restore_privileges()")
    orphans = [f"{right} {pattern} of {role}" for role, right, pattern in _rows(db, _ORPHANS)]
    text = (
        _listed("rights of roles that are gone, or were taken by DROP OWNED", orphans) or "every right is some role's"
    )
    yield Finding(
        ABOUT, not orphans, text, "gearbridge.revoke_...('NAME'), or grant it again to the role that is to have it"
    )
    for space, who in _rows(db, _WRITERS):
        remedy = f"REVOKE CREATE ON SCHEMA {space}: who calls gman_enqueue() may get another function of that name"
        yield Finding(ABOUT, False, f"{who} may create functions in schema {space}, beside gman_enqueue", remedy)


def _listed(what: str, found: list[str]) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{what}: {', '.join(found[:_NAMED])}{more}" if found else ""


def _rows(db: database.Connection, query: str) -> list[tuple[Any, ...]]:
    return db.execute(query.encode()).fetchall()
