"""Triggers that enqueue: `gearbridge trigger`, the same from Python, and operations for Alembic.

    from gearbridge.triggers import Trigger, create

    create(connection, Trigger("images", "insert,update:path", "resize", columns=("id", "path")))

A trigger is said once (wish.py), checked (checking.py, expressions.py), and written for each kind of database
(postgresql.py, mysql.py, sqlite.py). Nothing but making.py runs a statement.
"""

from .made import Made, Script
from .making import create, drop, installed, plan, plan_drop
from .wish import Event, Trigger

__all__ = ["Event", "Made", "Script", "Trigger", "create", "drop", "installed", "plan", "plan_drop"]
