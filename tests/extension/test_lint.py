"""The lint: our own scripts pass it, and each of its rules catches its fault."""

from __future__ import annotations

import pytest

from gearbridge.extension.build import assembled
from gearbridge.extension.lint import lint

GOOD = """
CREATE FUNCTION f(a integer, b text DEFAULT NULL, OUT c integer) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH seen AS (SELECT n FROM shop.item WHERE n = a)
    SELECT pg_catalog.max(n) INTO c FROM seen;
END
$$;
COMMENT ON FUNCTION f(integer, text) IS 'Does a thing.

Example: SELECT f(1);
ROLLBACK changes nothing.';
REVOKE EXECUTE ON FUNCTION f(integer, text) FROM PUBLIC;
"""


def test_our_scripts_pass() -> None:
    scripts = [text for name, text in assembled().items() if name.endswith(".sql")]
    assert [lint(text) for text in scripts] == [[], []]


def test_a_function_with_everything_passes() -> None:
    assert lint(GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (" STABLE", "", "declare IMMUTABLE, STABLE or VOLATILE"),
        (" PARALLEL SAFE", "", "declare PARALLEL SAFE, RESTRICTED or UNSAFE"),
        ("SET search_path = pg_catalog, pg_temp", "", "pin it: SET search_path = pg_catalog, pg_temp"),
        ("pg_catalog, pg_temp", "pg_catalog", "pin it: SET search_path = pg_catalog, pg_temp"),
        ("pg_catalog, pg_temp", "public, pg_temp", "pin it: SET search_path = pg_catalog, pg_temp"),
        ("COMMENT ON FUNCTION f(integer, text)", "COMMENT ON FUNCTION f(integer)", "has no COMMENT ON"),
        ("Example: SELECT f(1);", "", "its comment has no line that begins with 'Example: '"),
        ("ROLLBACK", "rolling back", "its comment does not say what ROLLBACK does"),
        ("REVOKE EXECUTE ON FUNCTION f(integer, text) FROM PUBLIC;", "", "say who may execute it: REVOKE EXECUTE"),
        ("FROM PUBLIC", "FROM someone", "say who may execute it: REVOKE EXECUTE"),
        ("shop.item", "item", "is SECURITY DEFINER and names item without its schema"),
        ("pg_catalog.max", "max", "is SECURITY DEFINER and names max() without its schema"),
    ],
)
def test_each_rule_catches_its_fault(before: str, after: str, complaint: str) -> None:
    assert GOOD.count(before) >= 1
    found = lint(GOOD.replace(before, after))
    assert len(found) == 1
    assert found[0].startswith(f"f(integer, text): {complaint}")


def test_python_is_not_for_everybody_and_its_sql_is_read() -> None:
    script = """
    CREATE FUNCTION p() RETURNS int LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
return plpy.execute("SELECT n FROM item")[0]["n"]
$$;
    COMMENT ON FUNCTION p() IS '.
Example: SELECT p();
ROLLBACK changes nothing.';
    GRANT EXECUTE ON FUNCTION p() TO PUBLIC;
    """
    assert lint(script) == [
        "p(): PL/Python is not for everybody: REVOKE EXECUTE ON FUNCTION ... FROM PUBLIC",
        "p(): is SECURITY DEFINER and names item without its schema",
    ]


def test_deliberately_public_sql_is_allowed() -> None:
    assert (
        lint(
            GOOD.replace(
                "REVOKE EXECUTE ON FUNCTION f(integer, text) FROM", "GRANT EXECUTE ON FUNCTION f(integer, text) TO"
            )
        )
        == []
    )


def test_a_body_that_is_bound_at_its_creation_needs_no_search_path() -> None:
    before, after = GOOD.index("SET search_path"), GOOD.index("COMMENT")
    definer = (GOOD[:before] + "RETURN a;" + GOOD[after:]).replace("plpgsql", "sql")
    assert lint(definer) == ["f(integer, text): pin it: SET search_path = pg_catalog, pg_temp"]
    assert lint(definer.replace("SECURITY DEFINER", "")) == []


def test_an_aggregate_needs_a_comment_and_a_word_on_rights() -> None:
    made = "CREATE AGGREGATE total(a text, b text) (SFUNC = f, STYPE = text);"
    comment = (
        "COMMENT ON AGGREGATE total(text, text) IS 'Adds.\n\nExample: SELECT total(a, b) FROM t;\nROLLBACK: nothing.';"
    )
    rights = "REVOKE EXECUTE ON FUNCTION total(text, text) FROM PUBLIC;"
    assert lint(made + comment + rights) == []
    assert lint(made + rights) == ["total(text, text): has no COMMENT ON"]
    assert len(lint(made + comment)) == 1
