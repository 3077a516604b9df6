"""An expression is one expression, whatever it says; a name or text in quotes comes out as it went in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pglast
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gearbridge.errors import ConfigurationError
from gearbridge.triggers import Event, Trigger, postgresql, sqlite
from gearbridge.triggers.expressions import check_expression
from gearbridge.triggers.installed import Surroundings
from gearbridge.triggers.names import quote_name, quote_text
from gearbridge.triggers.tokens import Kind, Token, tokens

DATABASES = ("postgresql", "mysql", "sqlite")
BY_DATABASE = pytest.mark.parametrize("database", DATABASES)

#: Pieces from which tricks are made.
PIECES = ["'", '"', "`", "[", "]", "(", ")", ";", "--", "/*", "*/", "#", "\\", "$$", "$a$", "E'", "x'", ",", "\n", " "]
WORDS = ["1", "NEW.id", "OLD.path", "DROP TABLE images", "SELECT 1", "END", "BEGIN", "''", "a", " AND ", " FROM images"]
TRICKS = st.lists(st.sampled_from(PIECES + WORDS), min_size=1, max_size=8).map("".join)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=15)


@BY_DATABASE
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("NEW.path", {"NEW"}),
        ("new.path || ';' || old.path", {"NEW", "OLD"}),
        ("images.new", set()),
        ("coalesce(a, 'NEW.path')", set()),
        ("(SELECT max(id) FROM images WHERE path = NEW.path)", {"NEW"}),
        ("'it''s -- no comment /* here */ ;'", set()),
        ("NEW.id > 5 AND (NEW.path = 'a' OR NEW.path = ')')", {"NEW"}),
    ],
)
def test_what_is_an_expression(database: str, text: str, rows: set[str]) -> None:
    assert check_expression("payload", text, database) == rows


@BY_DATABASE
@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "1); DROP TABLE x; --",
        "1) FROM x WHERE (true",
        "1; DROP TABLE x",
        "1, 2",
        "1), (2",
        "1 -- comment",
        "1 /* comment */",
        "1 /*! + 1 */",
        "(1",
        "1)",
        "([1)]",
        "'open",
        '"open',
        "SELECT 1",
        "select 1",
        "WITH x AS (SELECT 1) SELECT 1",
        "nul\0",
        "half \ud800",
    ],
    ids=repr,
)
def test_what_is_none(database: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match="the payload must be one SQL expression, and is not"):
        check_expression("payload", text, database)


def test_each_database_has_its_own_tricks() -> None:
    for database, text in (
        ("mysql", "1 # comment"),
        ("mysql", r"'\'"),  # closed or open, by sql_mode
        ("mysql", r"'\' ; DROP TABLE x; -- '"),
        ("sqlite", "[a"),
        ("postgresql", "$$open"),
        ("postgresql", "1 AS x"),
        ("postgresql", "x UNION SELECT 1"),
        ("postgresql", "E'\\'; DROP TABLE x; --'' "),
    ):
        with pytest.raises(ConfigurationError):
            check_expression("payload", text, database)
    assert check_expression("payload", "$$;--$$", "postgresql") == set()
    assert check_expression("payload", "[a;--]", "sqlite") == set()
    assert check_expression("payload", r"'\'", "sqlite") == set()


@BY_DATABASE
@given(TRICKS)
def test_a_second_statement_is_always_refused(database: str, text: str) -> None:
    for follows in ("; DROP TABLE images", ");DROP TABLE images;--", "\n;\nSELECT (1"):
        spoiled = f"{text}{follows}"
        try:
            check_expression("payload", spoiled, database)
        except ConfigurationError:
            continue
        # Accepted: then what follows is inside of quotes.
        assert any(";" in token.text for token in tokens(spoiled, database) if token.kind in (Kind.LITERAL, Kind.NAME))
        assert Token(Kind.SIGN, ";") not in tokens(spoiled, database)


@given(TRICKS)
@example("(SELECT 1)")
def test_what_sqlite_makes_of_an_accepted_expression_is_one_trigger(text: str) -> None:
    try:
        check_expression("payload", text, "sqlite")
    except ConfigurationError:
        return
    around = Surroundings("sqlite", {"id": "", "path": ""})
    script = sqlite.script(Trigger("images", "update", "f", payload=text, when=text, unique_key=text), around)
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE images (id, path)")
        db.execute("CREATE TABLE kept (id)")
        try:
            db.executescript(f"{script.create[0]};")
        except sqlite3.Error:
            return  # it refuses what is no expression
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master ORDER BY name")]
        assert names == ["images", "images_f", "kept"]


@given(TRICKS)
@example("(SELECT 1)")
@example("$function$")
def test_what_postgresql_makes_of_an_accepted_expression_is_the_statements_of_ours(text: str) -> None:
    try:
        check_expression("payload", text, "postgresql")
    except ConfigurationError:
        return
    around = Surroundings("postgresql", {"id": ""}, "public", "public", "public")
    wish = Trigger("images", "update", "f", payload=text, when=text, unique_key=text, run_at=text)
    script = postgresql.script(wish, around)
    parsed = [type(raw.stmt).__name__ for raw in pglast.parse_sql(";".join([*script.create, *script.check]))]
    assert parsed == [
        "CreateFunctionStmt",
        "CommentStmt",
        "GrantStmt",
        "CreateTrigStmt",
        "CommentStmt",
        "SelectStmt",
        "ExplainStmt",
        "SelectStmt",
    ]
    (function,) = pglast.parse_plpgsql(script.create[0])
    body = function["PLpgSQL_function"]["action"]["PLpgSQL_stmt_block"]["body"]
    assert [next(iter(statement)) for statement in body] == ["PLpgSQL_stmt_perform", "PLpgSQL_stmt_return"]


@BY_DATABASE
@given(NAMES)
def test_a_quoted_name_round_trips(database: str, name: str) -> None:
    assert tokens(quote_name(name, database), database) == [Token(Kind.NAME, name)]


@given(NAMES)
def test_databases_read_names_and_texts_as_they_were(name: str) -> None:
    statement = f"SELECT {quote_name(name, 'postgresql')}, {quote_text(name, 'postgresql')}"
    parsed: Any = pglast.parse_sql(statement)[0].stmt
    column, text = parsed.targetList
    assert column.val.fields[0].sval == name
    assert text.val.val.sval == name
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE TABLE {quote_name(f't{name}', 'sqlite')} ({quote_name(name, 'sqlite')})")
        shown = db.execute(f"SELECT {quote_text(name, 'sqlite')}, * FROM {quote_name(f't{name}', 'sqlite')}")
        assert shown.description[1][0] == name
        assert db.execute(f"SELECT {quote_text(name, 'sqlite')}").fetchone() == (name,)


@pytest.mark.parametrize(
    ("name", "database"),
    [("", "sqlite"), ("a\0", "sqlite"), ("\udc00", "mysql"), ("ü" * 32, "postgresql"), ("a" * 65, "mysql")],
)
def test_names_that_cannot_be(name: str, database: str) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        quote_name(name, database)


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("insert", [Event("insert")]),
        ("insert, update:path,width ,delete", [Event("insert"), Event("update", ("path", "width")), Event("delete")]),
        ("update:delete", [Event("update", ("delete",))]),
    ],
)
def test_events(text: str, events: list[Event]) -> None:
    assert list(Trigger("t", text, "f").events) == events


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on": "insert,insert"}, "each once"),
        ({"on": "upsert"}, "no such event: upsert"),
        ({"on": "insert:path"}, "only an update has columns"),
        ({"on": "update:"}, "only an update has columns"),
        ({"on": ""}, "no such event"),
        ({"on": ()}, "each once"),
        ({"function": ""}, "1 to 512 bytes"),
        ({"priority": "urgent"}, "it is high, normal, low"),
        ({"row": "newest"}, "no such row"),
        ({"max_attempts": -1}, "cannot be negative"),
        ({"payload": "1", "columns": ("a",)}, "not both"),
        ({"delay": "1", "run_at": "now()"}, "not both"),
    ],
    ids=str,
)
def test_a_wish_that_contradicts_itself(options: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        Trigger(**{"table": "t", "on": "insert", "function": "f", **options})  # type: ignore[arg-type]
