"""The lint of scripts: our own pass it, and each of its rules catches its fault."""

from __future__ import annotations

import pytest

from gearbridge.extension.build import assembled
from gearbridge.extension.lint_script import lint_script
from gearbridge.extension.script import managed_script, plain_script

PINNED = "SET LOCAL search_path = pg_catalog, pg_temp;\n"
FUNCTION = "CREATE FUNCTION {} RETURNS text LANGUAGE {} AS $$ {} $$;"


def test_our_scripts_pass() -> None:
    scripts = [text for name, text in assembled().items() if name.endswith(".sql")]
    assert [lint_script(text) for text in (*scripts, managed_script(), plain_script())] == [[]] * 4


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("CREATE VIEW s.v AS SELECT max(a) FROM s.t", "names max() without its schema"),
        ("CREATE VIEW s.v AS SELECT pg_catalog.max(a) FROM t", "names t without its schema"),
        ("CREATE VIEW v AS SELECT 1 AS a", "names v without its schema"),
        ("CREATE TABLE t (a integer)", "names t without its schema"),
        ("CREATE TABLE s.t (a integer CHECK (is_good(a)))", "names is_good() without its schema"),
        ("CREATE TABLE s.t (a integer DEFAULT next_one())", "names next_one() without its schema"),
        ("CREATE TABLE s.t (a integer, b integer GENERATED ALWAYS AS (twice(a)) STORED)", "names twice()"),
        ("CREATE INDEX i ON t (a)", "names t without its schema"),
        ("CREATE INDEX i ON s.t (lower(a))", "names lower() without its schema"),
        ("CREATE INDEX i ON s.t (a) WHERE is_good(a)", "names is_good() without its schema"),
        ("CREATE DOMAIN d AS text", "is made or named without its schema: d"),
        ("CREATE DOMAIN s.d AS text CHECK (is_good(VALUE))", "names is_good() without its schema"),
        ("DO $$ BEGIN PERFORM f(); END $$", "names f() without its schema"),
        ("DO $$ BEGIN IF EXISTS (SELECT FROM t) THEN RETURN; END IF; END $$", "names t without its schema"),
        ("CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION s.f()", "names t without its schema"),
        (FUNCTION.format("f()", "sql", "SELECT 'a'"), "is made or named without its schema: f"),
        ("COMMENT ON FUNCTION f() IS 'x'", "is made or named without its schema: f"),
        ("REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC", "is made or named without its schema: f"),
        ("CREATE FUNCTION s.f(a text) RETURNS text LANGUAGE sql RETURN lower(a)", "names lower() without its schema"),
        (FUNCTION.format("s.f()", "plpgsql", r"BEGIN RETURN '\x00'; END"), "has a backslash in a plain literal"),
    ],
)
def test_each_rule_catches_its_fault(statement: str, fault: str) -> None:
    found = lint_script(f"{PINNED}{statement};")
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW s.v AS WITH one AS (SELECT pg_catalog.max(a) AS a FROM s.t) SELECT a FROM one",
        "CREATE VIEW @extschema@.v AS SELECT extract(epoch FROM a) AS a FROM @extschema@.t",
        FUNCTION.format("@extschema@.f()", "plpgsql", r"BEGIN RETURN E'\\x00'; END"),
        "CREATE TABLE s.t (a bigserial PRIMARY KEY, b text CHECK (b <> ''))",
    ],
)
def test_what_is_good_passes(statement: str) -> None:
    assert lint_script(f"{PINNED}{statement};") == []


@pytest.mark.parametrize("before", ["", "SET search_path = pg_catalog, pg_temp;", "SET LOCAL search_path = public;"])
def test_the_path_is_pinned_first(before: str) -> None:
    (fault,) = lint_script(f"{before}CREATE VIEW s.v AS SELECT 1 AS a;")
    assert "makes something before SET LOCAL search_path" in fault
