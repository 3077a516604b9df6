"""Makes the reference page of the SQL functions from the scripts: groups, signatures, comments. It runs nothing.

The page is docs/reference/sql.md; a test fails when it is not what this makes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..version import __version__
from .assemble import EXTENSIONS, expand
from .signatures import SqlFunction, parse_functions

if TYPE_CHECKING:
    from .assemble import Read

_HEAD = """\
# The SQL functions

This page is made from the functions' own signatures and comments by `python -m gearbridge.extension reference`;
psql shows the same with `\\df+ gman_*`.

Two extensions hold them. `gearbridge` is PL/pgSQL only, and any owner of a database may create it.
`gearbridge_direct` calls job servers from PL/Python; a superuser creates it. Nobody else may call anything of either
until it is granted to him:

```sql
CREATE EXTENSION gearbridge_direct CASCADE;
SELECT gearbridge.grant_submit('application', 'mail_*');
SELECT gearbridge.allow_servers('10.0.0.5:4730', 'application');
```

A session reaches the job servers that are allowed to its role and no others: `gman_servers_set` and the parameter
`pggearman.default_servers` only choose among them. A superuser, and whoever owns the extension, may reach any.

## Settings

Anybody may set them for his session, an administrator for a role or database (`ALTER ROLE ... SET`). They are read
when a connection begins or a wait gets long, so a change counts at once. They are written as PostgreSQL's own times:
`5s`, `500ms`; a bare number is milliseconds, 0 means no limit.

| Setting | Default | What it limits |
|---|---|---|
| `gearbridge.connect_timeout` | `5s` | connecting to one job server; the next one is tried after it |
| `gearbridge.reply_timeout` | `60s` | the job server's own answer; for work on a job there is `statement_timeout` |

Whatever the wait, `statement_timeout`, `pg_cancel_backend` and Ctrl-C end it within some 20 ms, and the next call
starts on a clean connection. Only the look-up of a host's name cannot be ended early: addresses need none.

`gearbridge.traceparent` is the trace (W3C Trace Context) of all that is submitted or enqueued while it is set, by
triggers too; [workers get it](../howto/traces.md). `SET LOCAL` makes it the transaction's.

## Errors

| SQLSTATE | Meaning |
|---|---|
| `22004` | the function or a payload is NULL |
| `22021` | the result is not UTF-8 text: use `bytea` |
| `2202E` | an array of payloads has several dimensions |
| `22023` | an argument or a setting cannot be used as it is |
| `42501` | the role may not call this, not submit jobs of this function, or not reach this job server |
| `42704` | the role to grant to does not exist |
| `55000` | no job servers are set in this session |
| `08001` | no job server can be reached; the message names each one and why |
| `08006` | the connection broke before the answer came; a job may or may not have been accepted |
| `08P01` | what answered does not speak Gearman's protocol |
| `57014` | cancelled, by `statement_timeout` or by somebody |
| `GB001` | the worker said that the job failed |
| `GB002` | the worker sent an exception; the message is its text |
| `GB003` | the job server refused: it answered with an ERROR packet |
| `GB004` | the job server did not answer within `gearbridge.reply_timeout` |
"""


def reference(read: Read) -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for extension in EXTENSIONS:
        parts.append(f"\n## Extension {extension}\n")
        for group, names in _groups(read(f"sql/{extension}.sql")):
            functions = [one for name in names for one in parse_functions(expand(f"sql/{name}", __version__, read))]
            if functions:
                parts.append(f"\n### {group[0].upper()}{group[1:]}\n")
                parts.extend(_entry(one) for one in functions)
    return "".join(parts)


def _groups(manifest: str) -> list[tuple[str, list[str]]]:
    """The headings of a manifest, each with the sources under it."""
    groups: list[tuple[str, list[str]]] = []
    for line in manifest.splitlines():
        heading = re.fullmatch(r"-- Group: (.+)", line)
        if heading:
            groups.append((heading.group(1), []))
        elif line.startswith("\\i "):
            groups[-1][1].append(line.split()[1])
    return groups


def _entry(function: SqlFunction) -> str:
    about, _, rest = (function.comment or "").partition("\n\nExample: ")
    example, _, rollback = rest.partition("\n")
    returned = _columns(function) or function.returns
    returns = f" RETURNS {returned}" if returned else ""
    inputs = [one for one in function.parameters if not one.startswith("OUT ")]
    everybody = "everybody" if function.public else "only those to whom it was granted"
    return (
        f"\n#### `{function.identity}`\n\n"
        f"```sql\n{function.identity.name}({', '.join(inputs)}){returns}\n```\n\n{about}\n\n"
        f"```sql\n{example}\n```\n\n{rollback}\nWho may call it: {everybody}.\n"
    )


def _columns(function: SqlFunction) -> str | None:
    columns = [one.removeprefix("OUT ") for one in function.parameters if one.startswith("OUT ")]
    several = "SETOF " if (function.returns or "").startswith("SETOF") else ""
    return f"{several}({', '.join(columns)})" if columns else None
