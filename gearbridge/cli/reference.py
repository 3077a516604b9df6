"""Makes the reference page of the command line from the commands themselves: `python -m gearbridge.cli.reference`.

The page is docs/reference/cli.md; a test fails when it is not what this makes.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from .main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# The command line

This page is made from the commands themselves by `python -m gearbridge.cli.reference`; `gearbridge COMMAND --help`
shows the same. Every option is also an environment variable, named beside it; what is given on the command line wins. A
switch is on with `1` or `true`. Where an option may be given several times, the variable holds all values, separated by
spaces.

`gearbridge server` takes gearmand's options too, those of gearmand's queues included:
[in gearmand's place](../howto/replace-gearmand.md).
"""


def reference() -> str:
    """The page as Markdown."""
    return _HEAD + "".join(_entry(context) for context in _contexts(_root()))


def _root() -> click.Context:
    return click.Context(cli, info_name="gearbridge", **cli.context_settings)


def _contexts(parent: click.Context) -> Iterator[click.Context]:
    """A context for each command below `parent`, as the command line would make it."""
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        yield context
        if isinstance(command, click.Group):
            yield from _contexts(context)


def _entry(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    level = "#" * len(context.command_path.split())
    parts = [
        f"\n{level} {context.command_path}\n",
        f"\n```text\n{usage}\n```\n",
        _prose(inspect.cleandoc(command.help or "")),
    ]
    rows = [_row(param, context) for param in command.params if isinstance(param, click.Option) and not param.hidden]
    if rows:
        parts.append("\n| option | variable | |\n| --- | --- | --- |\n" + "".join(rows))
    return "".join(parts)


def _prose(text: str) -> str:
    """Help as Markdown: what click leaves as it is (after a line with a backspace) stays as it is here too."""
    parts = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b\n"):
            parts.append(f"\n```text\n{paragraph.removeprefix(chr(8)).strip(chr(10))}\n```\n")
        else:
            parts.append(f"\n{_plain(paragraph)}\n")
    return "".join(parts)


def _row(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else f" {_plain(_metavar(option, context))}"
    about = _plain(option.help or "")
    default = option.get_default(context)
    if not option.is_flag and isinstance(default, (str, int, float)) and default != "":
        about += f" Default: `{default}`."
    if option.required:
        about += " Required."
    if option.multiple:
        about += " May be given several times."
    return f"| {names}{value} | {_variable(option, context)} | {about} |\n"


def _metavar(option: click.Option, context: click.Context) -> str:
    return option.make_metavar(context).replace("INTEGER RANGE", "N").replace("INTEGER", "N")


def _variable(option: click.Option, context: click.Context) -> str:
    if not option.allow_from_autoenv:
        return ""
    name = option.envvar or f"{context.auto_envvar_prefix}_{option.name}".upper()
    return f"`{name}`" if isinstance(name, str) else ", ".join(f"`{one}`" for one in name)


def _plain(text: str) -> str:
    """Text as Markdown shows it literally, on one line."""
    words = " ".join(text.split())
    for sign in "\\|<>*":
        words = words.replace(sign, f"\\{sign}")
    return words


if __name__ == "__main__":
    click.echo(reference(), nl=False)
