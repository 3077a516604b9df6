"""Assembles an extension: a manifest in, the text of its script out. It reads no file itself and knows no PostgreSQL.

A manifest is SQL with these lines of its own, its directives:

    \\i NAME              the text of sql/NAME
    \\replace NAME        the same, but functions, views, aggregates and triggers may be there already (for upgrades)
    \\tables DATABASE SCHEMA   the DDL of the job table, from the definition that the stores have
    \\embed MODULE PATH   one row of a VALUES list: the module's name, and the file's text verbatim, in dollar quotes
    \\for NAME = VALUE    a variant of the text that follows, up to \\end; \\and NAME = VALUE adds to the variant. The
                         text comes out once for each variant, with its values in the place of @NAME@

Rules of this file:
1. What is embedded comes out as it went in. What PostgreSQL would change on the way is refused: `@extschema@` and the
   like, and anything but ASCII, because a database in LATIN1 takes the same script.
2. `@version@` in SQL and control files is the version of the package, which is stated once, in gearbridge/version.py;
   `@schema_version@` is that of the job table, `@wake_lock@` half of the lock that a sleeping claimer holds, `@oldest@`
   the oldest PostgreSQL that will do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import groupby

from ..errors import ConfigurationError
from ..stores.jobtable.schema import SCHEMA_VERSION, WAKE_LOCK
from .installation import OLDEST
from .tables import tables_script

#: Gives the text of a source by its name in the repository.
Read = Callable[[str], str]

EXTENSIONS = ("gearbridge", "gearbridge_direct")

#: Each step from a released version to the next: sql/upgrades/EXTENSION--FROM--TO.sql leads there, for both extensions.
UPGRADES: tuple[tuple[str, str], ...] = ()

#: The lines of a manifest's own, and how many arguments each has.
_DIRECTIVES = {"i": 1, "replace": 1, "embed": 2, "tables": 2}
_REPLACEABLE = re.compile(r"^CREATE (?=(?:FUNCTION|AGGREGATE|VIEW|TRIGGER) )", re.MULTILINE)
_TEMPLATE = re.compile(r"(?P<values>^\\for .+\n(?:^\\(?:for|and) .+\n)*)(?P<text>(?:.*\n)*?)^\\end\n", re.MULTILINE)
_VALUE = re.compile(r"^\\(for|and) (\w+) = (.+)$", re.MULTILINE)
_DIRECTIVE = re.compile(rf"\\({'|'.join(_DIRECTIVES)})\s+(.+)")


def assemble(
    extension: str, version: str, read: Read, upgrades: Iterable[tuple[str, str]] = UPGRADES
) -> dict[str, str]:
    """The files of one extension, by name: its control file, its script, and those that upgrade it.

    Raises ConfigurationError for a source that cannot be embedded.
    """
    guard = f'\\echo Use "CREATE EXTENSION {extension}" to load this file. \\quit\n'
    made = f"-- {extension} {version}, made by `python -m gearbridge.extension build`: change its sources instead.\n"
    control = read(f"sql/{extension}.control")
    files = {
        f"{extension}.control": control.replace("@version@", version),
        f"{extension}--{version}.sql": made + guard + expand(f"sql/{extension}.sql", version, read),
    }
    for old, new in upgrades:
        step = f"{extension}--{old}--{new}.sql"
        files[step] = (
            made
            + guard.replace("CREATE EXTENSION", "ALTER EXTENSION").replace('" to load', ' UPDATE" to load')
            + expand(f"sql/upgrades/{step}", new, read)
        )
    for name, text in files.items():
        _demand_ascii(name, text)
    return files


def expand(name: str, version: str, read: Read) -> str:
    """The text of an SQL source with its directives carried out."""
    out: list[str] = []
    lines = _TEMPLATE.sub(_variants, read(name)).splitlines(keepends=True)
    for embedding, group in groupby(lines, key=lambda line: line.startswith("\\embed")):
        if embedding:
            out.append(",\n".join(_embed(line, read) for line in group) + "\n")
            continue
        for line in group:
            if line.startswith("\\i "):
                out.append(expand(f"sql/{_arguments(line)[0]}", version, read))
            elif line.startswith("\\replace "):
                text = expand(f"sql/{_arguments(line)[0]}", version, read)
                out.append(_REPLACEABLE.sub("CREATE OR REPLACE ", text))
            elif line.startswith("\\tables "):
                out.append(tables_script(*_arguments(line)))
            elif line.startswith(("\\for ", "\\and ", "\\end")):
                raise ConfigurationError(f"a template in {name} has no \\for, or no \\end: {line.strip()}")
            else:
                out.append(_filled_in(line, version))
    return "".join(out)


def _variants(template: re.Match[str]) -> str:
    """The text of a template once for each of its variants, with an empty line between them."""
    variants: list[dict[str, str]] = []
    for directive, name, value in _VALUE.findall(template["values"]):
        if directive == "for":
            variants.append({})
        variants[-1][name] = value
    return "\n".join(_with_values(template["text"], variant) for variant in variants)


def _with_values(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _filled_in(line: str, version: str) -> str:
    values = {"version": version, "schema_version": SCHEMA_VERSION, "wake_lock": WAKE_LOCK, "oldest": OLDEST}
    return _with_values(line, {name: str(value) for name, value in values.items()})


def embedded_modules(name: str, read: Read) -> dict[str, str]:
    """Return the files that an SQL source embeds: module name to source name, in order."""
    lines = [_arguments(line) for line in read(name).splitlines() if line.startswith("\\embed")]
    return {arguments[0]: arguments[1] for arguments in lines}


def quote(text: str, name: str = "source") -> str:
    """The text as an SQL literal in dollar quotes, with a tag that the text does not contain."""
    number = 0
    tag = f"${name}$"
    while tag in text:
        number += 1
        tag = f"${name}{number}$"
    return f"{tag}{text}{tag}"


def _embed(line: str, read: Read) -> str:
    module, path = _arguments(line)
    text = read(path)
    _demand_ascii(path, text)
    if "@ext" in text:
        raise ConfigurationError(f"{path} contains '@ext', which PostgreSQL may replace in an extension's script")
    return f"    ('{module}', {quote(text)})"


def _arguments(line: str) -> list[str]:
    match = _DIRECTIVE.fullmatch(line.strip())
    arguments = match.group(2).split() if match else []
    if not match or len(arguments) != _DIRECTIVES[match.group(1)]:
        raise ConfigurationError(f"not a line for a manifest: {line.strip()}")
    return arguments


def _demand_ascii(name: str, text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.isascii():
            strange = next(char for char in line if not char.isascii())
            raise ConfigurationError(
                f"{name}, line {number}: {strange!r} is not ASCII, so not every database can take it"
            )
