"""The page of the command line is what the commands say."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from gearbridge.cli.main import cli
from gearbridge.cli.reference import reference

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    told = "run: python -m gearbridge.cli.reference > docs/reference/cli.md"
    assert PAGE.read_text(encoding="utf-8") == reference(), told


def test_the_variables_on_the_page_are_those_that_count() -> None:
    """One of each kind: made from the option's name, shared by all commands, and of a command below a command."""
    page = reference()
    for variable, value, words in (
        ("GEARBRIDGE_SERVER_STORE", "nonsense:", ["server"]),
        ("GEARBRIDGE_SERVERS", "host:nonsense", ["admin", "status"]),
        ("GEARBRIDGE_SUBMIT_PRIORITY", "nonsense", ["submit", "f"]),
        ("GEARBRIDGE_DATABASE", "nonsense:", ["db", "check"]),
    ):
        assert f"`{variable}`" in page
        outcome = CliRunner().invoke(cli, words, env={variable: value}, auto_envvar_prefix="GEARBRIDGE")
        assert "nonsense" in outcome.output or "nonsense" in str(outcome.exception), (variable, outcome.output)
