"""Installs the extensions into a database: files into the server's share directory, then CREATE or ALTER EXTENSION.

It knows no command line; `report` takes a line for each step done.

Rules of this file:
1. Nothing is written before everything that can be asked has been asked: a refusal leaves the machine as it was.
2. Files are written only where the server is on this machine, and are taken back if the server does not see them.
3. What is there already is left alone, so installing again does no harm.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from ..errors import ConfigurationError
from ..version import __version__
from . import database
from .assemble import EXTENSIONS
from .build import assembled
from .installation import OLDEST

Report = Callable[[str], None]

COMMON, DIRECT = EXTENSIONS


def install(url: str, report: Report, *, direct: bool = True) -> None:
    """Install or upgrade the extensions in the database at `url`; without `direct`, only the one without PL/Python.

    Raises ConfigurationError, with a remedy, where that is not possible.
    """
    extensions = EXTENSIONS if direct else (COMMON,)
    with database.connect(url) as db:
        report(f"PostgreSQL {database.server_major(db)}, {database.describe(db)}")
        _demand_fit(db, direct)
        _provide_files(db, extensions, report)
        for extension in extensions:
            _create(db, extension, report)


def upgrade(url: str, report: Report) -> None:
    """Bring the extensions that are in the database to this version. What they hold stays.

    Raises ConfigurationError where none is installed, or where no way leads from its version to this one.
    """
    with database.connect(url) as db:
        found = {extension: database.installed_version(db, extension) for extension in EXTENSIONS}
        installed = tuple(extension for extension, version in found.items() if version is not None)
        if not installed:
            raise ConfigurationError("no extension of gearbridge is installed here; gearbridge db install does that")
        report(f"PostgreSQL {database.server_major(db)}, {database.describe(db)}")
        _demand_fit(db, DIRECT in installed)
        _provide_files(db, installed, report)
        for extension in installed:
            _create(db, extension, report)


def uninstall(url: str, report: Report) -> None:
    """Drop both extensions from the database. The files stay, for other databases of the same server.

    Raises ConfigurationError where something else in the database uses them.
    """
    with database.connect(url) as db:
        for extension in reversed(EXTENSIONS):
            if database.installed_version(db, extension) is None:
                report(f"{extension} is not installed")
                continue
            _run(db, sql.SQL("DROP EXTENSION {}").format(sql.Identifier(extension)))
            report(f"{extension} dropped")


class Finding(NamedTuple):
    """One thing that must be so: whether it is, what was found, and what to do where it is not."""

    good: bool
    text: str
    remedy: str = ""


def check(url: str) -> list[Finding]:
    """Look at a database's installation; change nothing. Raises ConfigurationError where it cannot be reached."""
    with database.connect(url) as db:
        major = database.server_major(db)
        findings = [
            Finding(major >= OLDEST, f"PostgreSQL {major}, {database.describe(db)}", f"{OLDEST} or later is needed"),
            Finding(database.is_available(db, "plpython3u"), "PL/Python for the server", _install_plpython(major)),
        ]
        for extension in EXTENSIONS:
            version = database.installed_version(db, extension)
            text = f"extension {extension} {version or 'is not installed'}"
            findings.append(Finding(version == __version__, text, "run: gearbridge db install --database URL"))
        if database.installed_version(db, DIRECT):
            findings.append(_loads(db))
        return findings


def _loads(db: database.Connection) -> Finding:
    try:
        db.execute("SELECT gearbridge._load()")
    except psycopg.Error as error:
        return Finding(False, f"gman_do and the others do not load: {error.diag.message_primary}", "see above")
    return Finding(True, "gman_do and the others load")


def _demand_fit(db: database.Connection, direct: bool) -> None:
    major = database.server_major(db)
    if major < OLDEST:
        raise ConfigurationError(f"PostgreSQL {OLDEST} or later is needed; this server is {major}")
    if not direct:
        return
    if not database.is_superuser(db):
        raise ConfigurationError(
            f"{db.info.user} is not a superuser, and PL/Python functions need one. Connect as a superuser, "
            "or leave gman_do and the like out with --no-direct"
        )
    if not database.is_available(db, "plpython3u"):
        raise ConfigurationError(f"the server has no PL/Python; {_install_plpython(major)}")


def _install_plpython(major: int) -> str:
    return f"on Debian or Ubuntu: apt-get install postgresql-plpython3-{major}; or leave it out with --no-direct"


def _provide_files(db: database.Connection, extensions: tuple[str, ...], report: Report) -> None:
    """Put the files where the server looks for them, unless it has them and we cannot see its directory."""
    there = all(database.available_version(db, extension, __version__) for extension in extensions)
    here = database.is_superuser(db) and database.is_on_this_machine(db)
    directory = database.extension_directory(db) if here else None
    if directory is None or not directory.is_dir():
        if there:
            report("the server has the files already")
            return
        raise ConfigurationError(_by_hand("the server's directory of extensions cannot be reached from here"))
    written = _place(directory, assembled(extensions), report)
    if not all(database.available_version(db, extension, __version__) for extension in extensions):
        for path in written:
            path.unlink()
        raise ConfigurationError(_by_hand("the server does not see files that are written here, so it runs elsewhere"))


def _place(directory: Path, files: dict[str, str], report: Report) -> list[Path]:
    """Write what is not there already; return what is new."""
    new: list[Path] = []
    for name, text in files.items():
        path = directory / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            report(f"{path} is there already")
            continue
        existed = path.exists()
        try:
            _write(path, text)
        except OSError as error:
            raise ConfigurationError(_by_hand(f"cannot write into {directory}: {error.strerror}")) from None
        report(f"{path} written")
        if not existed:
            new.append(path)
    return new


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: another session may be reading it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _by_hand(why: str) -> str:
    return (
        f"{why}. Either run this command on the server's machine as a user who may write there (root, with sudo), "
        "or copy the files there by hand, and run this command again:\n"
        "  python -m gearbridge.extension build --output gearbridge-extension\n"
        '  cp gearbridge-extension/* "$(pg_config --sharedir)/extension/"   # on the server\'s machine'
    )


def _create(db: database.Connection, extension: str, report: Report) -> None:
    installed = database.installed_version(db, extension)
    name = sql.Identifier(extension)
    if installed is None:
        schema = database.default_schema(db)
        if schema is None:
            raise ConfigurationError("search_path names no existing schema, in which gman_* would be created")
        _run(db, sql.SQL("CREATE EXTENSION {} SCHEMA {} CASCADE").format(name, sql.Identifier(schema)))
        report(f"extension {extension} {__version__} created")
    elif installed == __version__:
        report(f"extension {extension} {__version__} is there already")
    elif not database.has_update_path(db, extension, installed, __version__):
        raise ConfigurationError(
            f"extension {extension} is of version {installed}, from which no way leads to {__version__}. "
            "Install the gearbridge of that version, or a later one, and try again"
        )
    else:
        _run(db, sql.SQL("ALTER EXTENSION {} UPDATE TO {}").format(name, sql.Literal(__version__)))
        report(f"extension {extension} {installed} updated to {__version__}")


def _run(db: database.Connection, statement: sql.Composed) -> None:
    try:
        db.execute(statement)
    except psycopg.Error as error:
        raise ConfigurationError(f"{statement.as_string(db)}: {error}") from error
