"""The words of docstrings, comments and messages: plain technical English, as docs/contributing.md has it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parent.parent / "gearbridge"

#: Words for machines that do not speak, hear or have hands, with how often they may occur in 10,000 words.
AVOIDED = {
    r"\b(told|tells?|telling|says?|said|saying|hears?|heard)\b": 6,
    r"\b(whoever|nobody|who has)\b": 2,
    r"\bin (the )?hands?\b": 0,
}

#: A docstring begins with an imperative verb or a noun.
NOT_A_SUBJECT = re.compile(r"(Whether|What|How|Who|Which|Where|When|Why|Whose|Whom) ")


def documented() -> Iterator[tuple[str, str]]:
    """Yield each documented class and function of the package, with its docstring."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and (
                text := ast.get_docstring(node)
            ):
                yield f"{path.relative_to(PACKAGE)}: {node.name}", text


def messages(source: str) -> Iterator[str]:
    """Yield the texts of help, log lines and errors: all strings of several words."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(" ") > 1:
            yield node.value


@cache
def messages_of_the_package() -> str:
    """Return all strings of several words, docstrings among them."""
    return "\n".join(text for path in sorted(PACKAGE.rglob("*.py")) for text in messages(path.read_text("utf-8")))


@cache
def prose() -> str:
    """Return all docstrings and comments of the package."""
    found = [text for _, text in documented()]
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        found.append(ast.get_docstring(ast.parse(source)) or "")
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        found.extend(token.string for token in tokens if token.type == tokenize.COMMENT)
    return "\n".join(found)


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    texts = dict(documented())
    others = [name for name, text in texts.items() if NOT_A_SUBJECT.match(text)]
    assert len(others) < len(texts) / 100, others


@pytest.mark.parametrize("pattern", AVOIDED)
def test_words_for_people_are_not_used_of_machines(pattern: str) -> None:
    found = [match[0] for match in re.finditer(rf"[^\n]*(?:{pattern})[^\n]*", prose(), re.IGNORECASE)]
    assert len(found) * 10_000 <= AVOIDED[pattern] * len(re.findall(r"\w+", prose())), found


@pytest.mark.parametrize("pattern", AVOIDED)
def test_nor_in_messages(pattern: str) -> None:
    text = messages_of_the_package()
    found = [match[0] for match in re.finditer(rf"[^\n]*(?:{pattern})[^\n]*", text, re.IGNORECASE)]
    assert len(found) * 10_000 <= AVOIDED[pattern] * len(re.findall(r"\w+", text)), found
