"""A PostgreSQL installation on this machine, and a private copy of it that anyone may install extensions into.

It starts no server and knows no database.

PostgreSQL finds its share directory relative to the place of its own binary. So a copy of three binaries beside
symlinks to everything else is a whole installation, whose `extension/` directory is ours to write: no root needed, and
nothing of the system's is touched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

OLDEST = 15
_BINARIES = ("postgres", "initdb", "pg_config")
_SEARCHED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
)


class Installation(NamedTuple):
    """The directories of one PostgreSQL installation, as its pg_config reports them."""

    major: int
    bin: Path
    share: Path
    library: Path

    @property
    def extensions(self) -> Path:
        """The directory of control files and extension scripts."""
        return self.share / "extension"


def find_installation(searched: Sequence[str] = _SEARCHED) -> Installation:
    """Find the newest PostgreSQL (15 or later) that has PL/Python: in the directories `searched`, then on PATH.

    Raises ConfigurationError, which names what to install, where there is none.
    """
    directories = [path for pattern in searched for path in Path("/").glob(pattern.lstrip("/"))]
    on_path = shutil.which("pg_config")
    if on_path:
        directories.append(Path(on_path).resolve().parent)
    found = [read_installation(path) for path in directories if all((path / name).exists() for name in _BINARIES)]
    usable = [one for one in found if one.major >= OLDEST and (one.extensions / "plpython3u.control").exists()]
    if not usable:
        seen = ", ".join(f"PostgreSQL {one.major} in {one.bin}" for one in found) or "no PostgreSQL server at all"
        raise ConfigurationError(
            f"PostgreSQL {OLDEST} or later with PL/Python is needed; found {seen}. "
            f"On Debian or Ubuntu: apt-get install postgresql-{OLDEST} postgresql-plpython3-{OLDEST} (or later ones)"
        )
    return max(usable, key=lambda one: one.major)


def read_installation(directory: Path) -> Installation:
    """Ask the pg_config in this directory of binaries where its PostgreSQL keeps its parts."""
    printed = subprocess.run([directory / "pg_config"], check=True, capture_output=True, text=True).stdout
    values = dict(re.findall(r"^([A-Z-]+) = (.*)$", printed, re.MULTILINE))
    version = re.match(r"PostgreSQL (\d+)", values["VERSION"])
    major = int(version.group(1)) if version else 0
    return Installation(major, directory, Path(values["SHAREDIR"]), Path(values["PKGLIBDIR"]))


def copy_installation(source: Installation, root: Path) -> Installation:
    """Make a private copy of `source` under `root`: binaries copied, libraries and share linked, extensions our own."""
    # PostgreSQL keeps the parts' places relative to each other below the directory that all three share.
    common = Path(os.path.commonpath([source.bin, source.share, source.library]))
    bin_dir, share, library = (root / part.relative_to(common) for part in (source.bin, source.share, source.library))
    bin_dir.mkdir(parents=True)
    for name in _BINARIES:
        shutil.copy2((source.bin / name).resolve(), bin_dir / name)  # a symlink would lead it back home
    _link_all(source.share, share, leave_out="extension")
    _link_all(source.extensions, share / "extension", leave_out="")
    library.parent.mkdir(parents=True, exist_ok=True)
    library.symlink_to(source.library)
    return Installation(source.major, bin_dir, share, library)


def _link_all(source: Path, target: Path, leave_out: str) -> None:
    target.mkdir(parents=True)
    for entry in source.iterdir():
        # Our own extensions may be installed system-wide, in another version: the copy starts without them.
        if entry.name != leave_out and not entry.name.startswith("gearbridge"):
            (target / entry.name).symlink_to(entry)
