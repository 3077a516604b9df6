"""What we depend on: its licences, and that nothing under the GPL is needed to run a server."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gearbridge.cli.main import SUBCOMMANDS
from gearbridge.errors import ConfigurationError
from gearbridge.extension.__main__ import main as extension_main
from gearbridge.triggers.expressions import check_expression
from tests.fixtures.processes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / ".ci").glob("*.lock")}


def licence(name: str) -> str:
    """What an installed package says of itself, as it says it."""
    about = metadata.metadata(name)
    classifiers = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or () if one.startswith("License")]
    return about["License-Expression"] or (about["License"] or "").partition("\n")[0] or classifiers[0]


def declared(*extras: str) -> list[Requirement]:
    """What pyproject.toml names in extras, or without one; with what these extras include of others."""
    lists = [PROJECT["optional-dependencies"][extra] for extra in extras] or [PROJECT["dependencies"]]
    found = [Requirement(text) for one in lists for text in one]
    own = {extra for one in found if one.name == "gearbridge" for extra in one.extras}
    return [one for one in found if one.name != "gearbridge"] + (declared(*own) if own else [])


def needed(requirements: Iterable[Requirement]) -> set[str]:
    """The packages that are needed here for these, by the names of the registry."""
    found: set[str] = set()
    for one in requirements:
        theirs = [Requirement(text) for text in metadata.requires(one.name) or ()]
        extras = ("", *one.extras)
        wanted = [each for each in theirs if not each.marker or any(each.marker.evaluate({"extra": e}) for e in extras)]
        found |= {canonicalize_name(one.name), *needed(wanted)}
    return found


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(one.name) for one in requirements}


ALL = needed([*declared(), *declared("demo", "triggers", "alembic")]) | names(declared("dev", "docs"))


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_page_gives_its_licence(name: str) -> None:
    page = PAGE.replace("\n", " ")
    assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])[^|.]*[|(] ?[^|)]*{re.escape(licence(name))}", page), (
        licence(name)
    )


def test_a_server_needs_nothing_under_the_gpl() -> None:
    for name in needed(declared()):
        assert not re.search(r"(?<!L)GPL", licence(name)), name
    assert names(declared("triggers")) == {"pglast"}


def test_every_command_is_there_without_it() -> None:
    code = f"""
import sys
sys.modules["pglast"] = None
import importlib
from click.testing import CliRunner
from gearbridge.cli.main import cli
for words in {[[name] for name in SUBCOMMANDS] + [["trigger", "create"], ["trigger", "list"], ["db", "install"]]!r}:
    done = CliRunner().invoke(cli, [*words, "--help"])
    assert done.exit_code == 0, (words, done.output, done.exception)
import gearbridge.extension.build, gearbridge.extension.__main__, gearbridge.server.service, gearbridge.bridge.daemon
gearbridge.extension.build.assembled()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_what_needs_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pglast", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'gearbridge\[triggers\]'"):
        check_expression("--payload", "NEW.path", "postgresql")
    assert check_expression("--payload", "NEW.path", "mysql") == {"NEW"}
    for word in ("lint", "reference"):
        told = CliRunner().invoke(extension_main, [word]).exception
        assert isinstance(told, ConfigurationError)
        assert "gearbridge[triggers]" in str(told)


def test_the_locks_have_what_is_declared() -> None:
    locked = {
        file: {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
        for file, text in LOCKS.items()
    }
    assert locked["requirements.lock"] >= names([*declared(), *declared("triggers")])
    assert locked["dev.lock"] >= names([*declared(), *declared("demo", "dev", "docs")])
    assert locked["build.lock"] >= {"hatchling"}
    assert "gearbridge" not in set().union(*locked.values())
    for file, text in LOCKS.items():
        pinned = re.findall(r"^[\w.-]+==(?:.*\\\n)+.*$", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)), file
        assert all("--hash=sha256:" in one for one in pinned), file
