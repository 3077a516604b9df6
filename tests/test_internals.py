"""Check the pages for maintainers: the files, names, targets and variables that they name exist."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from .test_floors import FLOORS

ROOT = Path(__file__).parent.parent
INTERNALS = ROOT / "docs" / "internals"
CONTRIBUTING = ROOT / "docs" / "contributing.md"
GLOSSARY = INTERNALS / "glossary.md"
CHECKED = ROOT / "docs" / "explain" / "how-it-is-checked.md"
PAGES = [*sorted(INTERNALS.glob("*.md")), CONTRIBUTING, CHECKED]

_TOP = r"(?:gearbridge|tests|docs|sql|plpython|docker|\.ci)"
#: A path from the top of the repository, with a pattern (`*`) or a place to fill in (`<name>`).
_PATH = re.compile(rf"(?<![\w./:<-]){_TOP}/[\w.*<>/-]*[\w*>/]")
#: A path and a name in that file: `gearbridge/core/queue.py: JobQueue.take`.
_NAME_IN_FILE = re.compile(r"([\w./-]+\.py): ([\w.]+)")
_DOTTED = re.compile(r"gearbridge(?:\.\w+)+")

PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code_spans(page: Path) -> list[str]:
    """Return the texts in single backquotes, outside of fenced blocks."""
    prose = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", prose)


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the top-level names that a module defines or imports, and `Class.name` for methods and attributes."""
    names: set[str] = set()
    for node in ast.parse(text_of(path)).body:
        names |= _bound(node)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for inner in node.body for name in _bound(inner)}
            names |= {f"{node.name}.{name}" for name in _own_attributes(node)}
    return frozenset(names)


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name for alias in node.names}
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return set()


def _own_attributes(node: ast.ClassDef) -> set[str]:
    """Return the attributes that the methods of a class set on `self`."""
    return {
        inner.attr
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.ctx, ast.Store)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == "self"
    }


def module_exists(name: str) -> bool:
    """Return whether a dotted name is a module or package, or a name in one."""
    words = name.split(".")
    for length in range(len(words), 0, -1):
        path = ROOT.joinpath(*words[:length])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return length == len(words) or ".".join(words[length:]) in names_in(file)
    return False


def sql_has(name: str) -> bool:
    """Return whether `gearbridge.NAME` is a function, table, view or setting of the SQL."""
    sources = [*(ROOT / "sql").rglob("*.sql"), ROOT / "gearbridge" / "stores" / "jobtable" / "schema.py"]
    return any(
        re.search(rf"\b{re.escape(name)}\b|\"{re.escape(name.split('.')[1])}\"", text_of(one)) for one in sources
    )


def rows_of(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the tables below headings of a page that match, without the head of each table."""
    sections = re.split(r"^## ", text_of(page), flags=re.MULTILINE)[1:]
    rows: list[list[str]] = []
    for section in sections:
        title, _, body = section.partition("\n")
        if re.fullmatch(heading, title):
            for table in re.findall(r"(?:^\|.*\n)+", body, re.MULTILINE):
                lines = table.splitlines()[2:]
                rows += [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return rows


@PAGE
def test_paths_exist(page: Path) -> None:
    for path in _PATH.findall(text_of(page)):
        if "<" in path:
            path = path[: path.index("<")].rpartition("/")[0]  # noqa: PLW2901  what is before the place to fill in
            if path == "sql/upgrades":
                continue  # there is none before the first release that changes the SQL
        assert list(ROOT.glob(path)) if "*" in path else (ROOT / path).exists(), f"{path} does not exist"


@PAGE
def test_files_are_named_with_their_folders(page: Path) -> None:
    """Names like `store.py` exist several times; only the text beside a path may use them."""
    bare = {span for span in code_spans(page) if re.fullmatch(r"\w+\.(?:py|sql)", span)}
    assert bare <= {"store.py", "finish.sql"}


@PAGE
def test_names_exist_in_their_files(page: Path) -> None:
    for path, name in _NAME_IN_FILE.findall(text_of(page)):
        assert name in names_in(ROOT / path), f"{path} has no {name}"


@PAGE
def test_dotted_names_exist(page: Path) -> None:
    for span in code_spans(page):
        for name in _DOTTED.findall(span):
            assert module_exists(name) or sql_has(name), f"{name} does not exist"


@PAGE
def test_modules_that_are_run_exist(page: Path) -> None:
    for name in re.findall(r"python -m ((?:gearbridge|tests)[\w.]*)", text_of(page)):
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), f"python -m {name}"


@PAGE
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ *)make ([a-z][a-z-]*)", text_of(page), re.MULTILINE)) <= targets


@PAGE
def test_environment_variables_exist(page: Path) -> None:
    named = set(re.findall(r"\bGEARBRIDGE_[A-Z_]+\b", text_of(page)))
    files = [path for folder in ("tests", ".ci") for path in (ROOT / folder).rglob("*") if _is_source(path)]
    used = "\n".join(text_of(path) for path in files)
    assert {name for name in named if not re.search(rf"\b{name}\b", used)} == set()


def _is_source(path: Path) -> bool:
    if path == Path(__file__) or "node_modules" in path.parts or not path.is_file():
        return False
    return path.suffix in {".py", ".sh"} or (path.parent.name == ".ci" and not path.suffix)


@PAGE
def test_constants_in_tables_exist(page: Path) -> None:
    """A name like `_TABLES` of a file that the same line names is in that file."""
    for line in text_of(page).splitlines():
        files = [ROOT / path for path in _PATH.findall(line) if path.endswith(".py") and "<" not in path]
        for name in re.findall(r"`(_[A-Z][A-Z_]+)`", line):
            assert any(name in names_in(file) for file in files), f"{name} is in none of {files}"


def test_every_page_is_linked_from_the_others() -> None:
    linked = {
        target.name
        for page in PAGES
        for link in re.findall(r"\]\(([^)#\s]+\.md)", text_of(page))
        if (target := (page.parent / link).resolve()) != page
    }
    assert {page.name for page in INTERNALS.glob("*.md")} <= linked


def test_every_term_is_defined_once() -> None:
    rows = rows_of(GLOSSARY, r"(?!Old words).*")
    terms = Counter(row[0].strip("*").lower() for row in rows)
    assert terms
    assert [term for term, count in terms.items() if count > 1] == []
    for term, definition, where in rows:
        assert term.startswith("**"), f"{term} is not marked as a term"
        assert definition.endswith("."), f"the definition of {term} is no sentence"
        assert where.startswith("`"), f"{term} names no file"


def test_every_old_word_has_one_present_word_which_is_defined() -> None:
    terms = {row[0].strip("*").lower() for row in rows_of(GLOSSARY, r"(?!Old words).*")} | {
        "notify",
        "claimed",
        "spilled",
    }
    rows = rows_of(GLOSSARY, "Old words")
    old = Counter(word for row in rows for word in re.findall(r"`[^`]+`(?: \([^)]*\))?", row[0]))
    assert [word for word, count in old.items() if count > 1] == []
    for words, present in rows:
        if "`" not in present:
            assert {word.strip() for word in present.split(",")} <= terms, f"{words}: {present} is not defined"


def test_the_table_of_floors_is_that_of_the_test() -> None:
    table = {part: int(row[0]) for row in rows_of(CONTRIBUTING, "Floors") for part in re.findall(r"`(\w+)`", row[1])}
    assert table == {part: floor for part, floor in FLOORS.items() if not part.startswith("__")}


def test_the_packages_of_the_architecture_are_those_of_the_floors() -> None:
    table = {
        row[0].strip("`").split("/")[1]: int(row[1])
        for row in rows_of(INTERNALS / "architecture.md", "Packages")
        if row[1].isdigit()
    }
    folders = {path.parent.name for path in (ROOT / "gearbridge").glob("*/__init__.py")}
    assert table == {part: floor for part, floor in FLOORS.items() if part in folders}


def test_fixtures_exist() -> None:
    files = [*(ROOT / "tests" / "fixtures").glob("*.py"), *(ROOT / "tests").glob("*/conftest.py")]
    defined = set(re.findall(r"@pytest\.fixture.*?def (\w+)", "\n".join(map(text_of, files)), re.DOTALL))
    rows = [row for row in rows_of(CONTRIBUTING, "One test against one database") if "GEARBRIDGE" not in row[0]]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert named
    assert named <= defined
