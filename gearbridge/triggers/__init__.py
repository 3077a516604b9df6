"""Triggers that enqueue: `gearbridge trigger`, the same from Python, and operations for Alembic.

    from gearbridge.triggers import Trigger, create

    create(connection, Trigger("images", "insert,update:path", "resize", columns=("id", "path")))

A trigger is described once (spec.py), checked (validation.py, expressions.py), and written for each kind of database
(postgresql.py, mysql.py, sqlite.py). Only install.py runs statements.
"""

from .install import create, drop, installed, plan, plan_drop
from .installed import Made, Script
from .spec import Event, Trigger

__all__ = ["Event", "Made", "Script", "Trigger", "create", "drop", "installed", "plan", "plan_drop"]
