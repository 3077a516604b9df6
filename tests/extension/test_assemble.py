"""Assembling: a manifest becomes a script, and what is embedded comes out as it went in."""

from __future__ import annotations

import pglast
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearbridge.errors import ConfigurationError
from gearbridge.extension.assemble import EXTENSIONS, assemble, embedded_modules, expand, quote
from gearbridge.extension.build import assembled
from gearbridge.extension.sources import read_source
from gearbridge.version import __version__

SOURCES = {
    "sql/x.control": "default_version = '@version@'\n",
    "sql/x.sql": "-- Group: first\n\\i x/one.sql\n-- Group: second\n\\i x/two.sql\n",
    "sql/x/one.sql": "SELECT '@version@';\n",
    "sql/x/two.sql": "VALUES\n\\embed a lib/a.py\n\\embed b lib/b.py\n;\n",
    "lib/a.py": 'print("$source$ @version@")\n',
    "lib/b.py": "r'''\\''' \"\"\"\\\n",
}


def test_a_manifest_becomes_a_control_file_and_a_script() -> None:
    files = assemble("x", "1.2", SOURCES.__getitem__)

    assert files["x.control"] == "default_version = '1.2'\n"
    script = files["x--1.2.sql"]
    assert "SELECT '1.2';" in script
    assert (
        script.index("Group: first") < script.index("SELECT") < script.index("Group: second") < script.index("VALUES")
    )


def test_psql_is_told_to_use_create_extension() -> None:
    lines = assemble("x", "1.2", SOURCES.__getitem__)["x--1.2.sql"].splitlines()
    assert '\\echo Use "CREATE EXTENSION x" to load this file. \\quit' in lines[:3]


def test_embedded_files_come_out_as_they_went_in() -> None:
    script = expand("sql/x/two.sql", "1.2", SOURCES.__getitem__)

    rows = pglast.parse_sql(script)[0].stmt.valuesLists  # type: ignore[union-attr]  # we know what it parses
    found = {row[0].val.sval: row[1].val.sval for row in rows}
    assert found == {"a": SOURCES["lib/a.py"], "b": SOURCES["lib/b.py"]}


@given(st.text(alphabet="$source12a\n'\\"))
def test_any_text_can_be_quoted(text: str) -> None:
    constant = pglast.parse_sql(f"SELECT {quote(text)}")[0].stmt.targetList[0].val  # type: ignore[union-attr]  # as above
    assert constant.val.sval == text


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("lib/a.py", "ok\n# caf\u00e9\n", r"lib/a\.py, line 2: 'é' is not ASCII"),
        ("lib/a.py", "@extschema@\n", "lib/a.py contains '@ext'"),
        ("sql/x/two.sql", "\\embed a\n", r"not a line for a manifest: \\embed a"),
        ("sql/x/one.sql", "SELECT 'é';\n", "line 4: 'é' is not ASCII"),
    ],
)
def test_what_postgresql_would_change_is_refused(name: str, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        assemble("x", "1.2", {**SOURCES, name: text}.__getitem__)


def test_a_missing_source_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"no such source: sql/nothing\.control"):
        assemble("nothing", "1", read_source)


def test_both_extensions_assemble_and_declare_the_version() -> None:
    files = assembled()
    assert sorted(files) == sorted(
        name for one in EXTENSIONS for name in (f"{one}.control", f"{one}--{__version__}.sql")
    )
    for extension in EXTENSIONS:
        assert f"default_version = '{__version__}'" in files[f"{extension}.control"]
    assert "trusted = true" in files["gearbridge.control"]
    assert "trusted" not in files["gearbridge_direct.control"]
    assert "plpython" not in files[f"gearbridge--{__version__}.sql"].lower()


def test_a_template_comes_out_once_for_each_variant() -> None:
    values = "\\for type = text\n\\and example = f('=')\n\\for type = bytea\n\\and example = f(x)\n"
    source = f"-- head\n{values}f(@type@); -- @example@\n\\end\n-- tail\n"
    made = expand("sql/f.sql", "1", {"sql/f.sql": source}.__getitem__)
    assert made == "-- head\nf(text); -- f('=')\n\nf(bytea); -- f(x)\n-- tail\n"


def test_a_template_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a template in"):
        expand("sql/f.sql", "1", {"sql/f.sql": "\\for type = text\nf(@type@);\n"}.__getitem__)


def test_every_function_has_a_file_of_its_name() -> None:
    for extension in EXTENSIONS:
        included = [line.split()[1] for line in read_source(f"sql/{extension}.sql").splitlines() if line[:3] == "\\i "]
        for name in included:
            text = read_source(f"sql/{name}")
            stem = name.rpartition("/")[2].removesuffix(".sql")
            made = {line.split("(")[0].split()[-1] for line in text.splitlines() if line.startswith("CREATE FUNCTION")}
            assert {one.rpartition(".")[2] for one in made} <= {stem}, name


def test_everything_that_the_modules_import_is_embedded_before_them() -> None:
    modules = list(embedded_modules("sql/gearbridge_direct/_modules.sql", read_source))
    assert modules[-1] == "gearbridge_pg"
    for position, name in enumerate(modules):
        parent = name.rpartition(".")[0]
        assert not parent or parent in modules[:position]
