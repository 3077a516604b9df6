"""A trigger as a file for a migration tool: what makes it, and what drops it again. It writes no file itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from .installed import Script

_UP = ".up.sql"


def migration(script: Script, path: Path) -> dict[Path, str]:
    """The texts of the files to write.

    NAME.up.sql has a NAME.down.sql beside it, as many tools want it. Any other name is one file, at whose end the way
    back stands in comments.
    """
    head = f"-- Made by `gearbridge trigger create`, gearbridge {__version__}. Run it in one transaction.\n\n"
    up, down = as_text(script.create), as_text(script.drop)
    if path.name.endswith(_UP):
        return {path: head + up, path.with_name(f"{path.name.removesuffix(_UP)}.down.sql"): head + down}
    back = "".join(f"-- {line}\n" for line in down.splitlines())
    return {path: f"{head}{up}\n-- To take it back:\n{back}"}


def as_text(statements: list[str]) -> str:
    """The statements as a script."""
    return "".join(f"{statement};\n" for statement in statements)
