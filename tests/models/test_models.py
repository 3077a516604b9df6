"""The models of protocols between processes: spin tries every order of their steps, and finds each of their mutations.

The head of a model has its promise, what in the code takes each of its steps, and its mutations. Steps are labels of
the model and names of the code; both must exist.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.test_internals import names_in

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: Seconds for one model; it takes some ten on a quiet machine.
PATIENCE = 600
#: Megabytes for the states of one model.
MEMORY = 3000

_STEP = re.compile(r"^    (\w+) +((?:gearbridge|sql)/[\w/]+\.(?:py|sql)):([\w.]+)$", re.MULTILINE)
_MUTATION = re.compile(r"^    ([A-Z_]+) {2,}\S", re.MULTILINE)


class Model(NamedTuple):
    """A model, with what its head lists."""

    path: Path
    steps: tuple[tuple[str, str, str], ...]
    mutations: tuple[str, ...]
    body: str


def read(path: Path) -> Model:
    head, _, body = path.read_text(encoding="utf-8").partition("*/")
    steps, _, mutations = head.partition("Mutations:")
    return Model(path, tuple(_STEP.findall(steps)), tuple(_MUTATION.findall(mutations)), body)


MODELS = [read(path) for path in sorted(HERE.glob("*.pml"))]
MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.path.stem)


def check(model: Model, folder: Path, *defined: str) -> str:
    """Check all that can happen in a model, with some of its mutations; return the checker's report."""
    run(["spin", "-a", *(f"-D{name}" for name in defined), str(model.path)], folder)
    run(["gcc", "-O1", "-DSAFETY", f"-DMEMLIM={MEMORY}", "-o", "pan", "pan.c"], folder)
    return run(["./pan", "-m1000000"], folder)


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@MODEL
def test_promise_holds_in_every_order(model: Model, tmp_path: Path) -> None:
    report = check(model, tmp_path)
    assert "errors: 0" in report
    assert "max search depth too small" not in report


@pytest.mark.parametrize(
    ("model", "mutation"),
    [(model, one) for model in MODELS for one in model.mutations],
    ids=lambda one: getattr(one, "path", Path(str(one))).stem,
)
def test_mutation_is_caught(model: Model, mutation: str, tmp_path: Path) -> None:
    report = check(model, tmp_path, mutation)
    assert "assertion violated" in report
    assert "errors: 1" in report


@MODEL
def test_steps_are_names_of_the_model_and_of_the_code(model: Model) -> None:
    assert model.steps
    for step, file, name in model.steps:
        assert re.search(rf"^\s*(?::: )?{step}:", model.body, re.MULTILINE), step
        path = ROOT / file
        if path.suffix == ".sql":
            assert re.search(rf"FUNCTION (?:gearbridge|@extschema@)\.{name}\(", path.read_text(encoding="utf-8")), name
        else:
            assert name in names_in(path), name


@MODEL
def test_mutations_are_those_of_the_body(model: Model) -> None:
    assert set(model.mutations) == set(re.findall(r"^#ifn?def (\w+)", model.body, re.MULTILINE))
