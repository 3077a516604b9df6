"""What the pages and the command line say of themselves: links, commands, options and make targets are there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from gearbridge.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
FOUND = [page for folder in ("docs", "tests") for page in sorted((ROOT / folder).rglob("*.md"))]
PAGES = [ROOT / "README.md", *(page for page in FOUND if "node_modules" not in page.parts)]  # those are not ours
TARGETS = dict(re.findall(r"^([a-z-]+):.*?## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


COMMANDS = dict(commands(cli))
BY_WORDS = pytest.mark.parametrize("words", COMMANDS, ids=" ".join)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors_of(linked), f"{target}: no such heading"


@BY_WORDS
def test_every_command_says_what_it_does_and_what_its_options_are_for(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{option.opts[0]} has no help"


@pytest.mark.parametrize("name", [words[0] for words in COMMANDS if len(words) == 1])
def test_every_command_has_a_place_in_the_pages(name: str) -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert f"`{name}`" in pages or f"gearbridge {name}" in pages


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_on_the_pages_are_accepted_as_they_stand(page: Path) -> None:
    for line in gearbridge_lines(page):
        command, words, options = read_command(line)
        known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
        assert set(options) <= known, f"`{line}`: {' '.join(words)} takes {sorted(known)}"


def test_every_make_target_says_what_it_does() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(TARGETS)
    for target, text in TARGETS.items():
        assert re.search(rf"^  {target} +{re.escape(text)}$", shown, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_on_the_pages_are_there(page: Path) -> None:
    for target in re.findall(
        r"(?:`|^\s*|\$ )make ([a-z-]+)(?=`|  | *$)", page.read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert target in TARGETS


def test_every_decision_is_listed_and_says_where_it_stands() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        assert f"({record.name})" in listed
        assert re.search(r"^Status: ", record.read_text(encoding="utf-8"), re.MULTILINE), name_of(record)


def anchors_of(page: Path) -> set[str]:
    """The names of a page's headings, as links use them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def gearbridge_lines(page: Path) -> list[str]:
    """The commands on a page that begin with gearbridge: lines of blocks, and words between backquotes."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found: list[str] = re.findall(r"^ *(?:\$ )?(gearbridge [a-z].*)$", text, re.MULTILINE)
    return [line for line in found if "listening on" not in line] + re.findall(r"`(gearbridge [a-z][^`]*)`", text)


def read_command(line: str) -> tuple[click.Command, tuple[str, ...], list[str]]:
    """The command that a line calls, the words that name it, and the options that it is given."""
    given = [word.partition("=")[0] for word in shlex.split(line.replace("…", "").split(" -- ")[0])[1:]]
    words: tuple[str, ...] = ()
    while given and (*words, given[0]) in COMMANDS:
        words = (*words, given.pop(0))
    assert words, f"`{line}`: no such command"
    return COMMANDS[words], words, [word for word in given if word.startswith("-") and word != "-"]
