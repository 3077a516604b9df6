"""The life of a database: an identity that plain restarts leave as it is, and that no copy of the database has.

A handle names a job within one life. A copy (of a template, a snapshot, a dump), or the database itself after it was
put back to what it was, has rows of jobs that are to be done once more, there, under the handles that they had. So what
joins jobs by their handles beyond the database, a bridge, has to join them by the life too.

The life is drawn at random and kept in the one row of `gearbridge_schema`, with what it was drawn for: the system that
the table is in, as the database describes it. Where that is another one, so that the row is a copy, it is drawn anew.
"""

from __future__ import annotations

import secrets
from hashlib import sha256

from sqlalchemy import Connection, bindparam, select

from .schema import version

#: Bytes of a life, which is written in hex. It goes into unique keys, of which gearmand holds 63 bytes.
_SIZE = 8
_FIND = select(version.c.life, version.c.life_of)
_DRAW = version.update().values(life=bindparam("to_life"), life_of=bindparam("to_life_of"))


def life_in(connection: Connection, system: str) -> bytes:
    """Return the life of the job table that the connection reaches; 16 hex digits.

    `system` describes what the table is in: equal as long as it is the same one. A life that is drawn is durable on
    return where each statement is a transaction of its own. Only the owner of the table may ask.
    """
    place = sha256(system.encode("utf-8", "surrogateescape")).hexdigest()
    life, drawn_for = connection.execute(_FIND).one()
    if not life or drawn_for != place:
        life = secrets.token_hex(_SIZE)
        connection.execute(_DRAW, {"to_life": life, "to_life_of": place})
    return str(life).encode()
