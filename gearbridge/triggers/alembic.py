"""Operations for Alembic migrations. They need Alembic (gearbridge[alembic]); importing this module makes them known.

    import gearbridge.triggers.alembic

    def upgrade():
        op.create_gman_trigger("images", "insert,update:path", "resize", columns=["id", "path"])

    def downgrade():
        op.drop_gman_trigger("images_resize", "images")

They look at the database, so a migration that is only printed (`alembic upgrade --sql`) cannot have them: write the
statements of `gearbridge trigger create --output FILE` there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import MigrateOperation, Operations

from gearbridge.errors import ConfigurationError

from .install import create, drop, installed
from .spec import Trigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .spec import Event


@Operations.register_operation("create_gman_trigger")
class CreateGmanTrigger(MigrateOperation):
    """Make a trigger."""

    def __init__(self, trigger: Trigger, *, replace: bool = False) -> None:
        self.trigger = trigger
        self.replace = replace

    @classmethod
    def create_gman_trigger(
        cls,
        operations: Operations,
        table: str,
        on: str | Sequence[Event],
        function: str,
        *,
        replace: bool = False,
        **wished: Any,
    ) -> None:
        """Make a trigger that enqueues; `wished` are the other fields of gearbridge.triggers.Trigger.

        Raises ConfigurationError as gearbridge.triggers.create does, and what the driver raises.
        """
        operations.invoke(cls(Trigger(table, on, function, **wished), replace=replace))


@Operations.register_operation("drop_gman_trigger")
class DropGmanTrigger(MigrateOperation):
    """Drop a trigger."""

    def __init__(self, name: str, table: str, schema: str | None = None) -> None:
        self.name = name
        self.table = table
        self.schema = schema

    @classmethod
    def drop_gman_trigger(cls, operations: Operations, name: str, table: str, *, schema: str | None = None) -> None:
        """Drop the trigger of this name on the table. Raises ConfigurationError where there is none of ours."""
        operations.invoke(cls(name, table, schema))


@Operations.implementation_for(CreateGmanTrigger)
def _create(operations: Operations, operation: CreateGmanTrigger) -> None:
    create(_connection(operations), operation.trigger, replace=operation.replace)


@Operations.implementation_for(DropGmanTrigger)
def _drop(operations: Operations, operation: DropGmanTrigger) -> None:
    connection = _connection(operations)
    found = [
        one
        for one in installed(connection, name=operation.name, table=operation.table)
        if operation.schema in (None, one.schema)
    ]
    if not found:
        raise ConfigurationError(f"there is no gearbridge trigger {operation.name} on {operation.table}")
    drop(connection, found)


def _connection(operations: Operations) -> Any:
    if operations.get_context().as_sql:
        raise ConfigurationError(
            "a gman trigger needs the database, and --sql has none; "
            "use op.execute with the statements that `gearbridge trigger create --output FILE` writes"
        )
    return operations.get_bind()
