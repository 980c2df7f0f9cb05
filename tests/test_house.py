"""The house: a room imports only rooms above it, no public function hides its own file, results need no backend."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gaitlib

PACKAGE = Path(gaitlib.__file__).parent
ROOMS = (
    "errors", "targets", "trials", "saving", "protocols", "preprocessing", "datasets", "models", "training", "encoders",
    "recipes", "classifier_file", "estimator", "classifier", "pooling", "ensemble_sides", "ensemble_file", "ensemble",
    "audit", "results", "evaluation", "perturb", "explain", "plots", "study_file", "studies", "testing", "demo", "cli",
    "__main__",
)  # fmt: skip
LONGEST = 400  # lines


def files():
    return [f for f in sorted(PACKAGE.rglob("*.py")) if f != PACKAGE / "__init__.py"]


def room_of(path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree):
    """Modules of gaitlib that a file imports at its top, with their names."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gaitlib":
            rest = node.module.split(".")[1:]
            yield from [rest] if rest else [[alias.name] for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1:] for alias in node.names if alias.name.startswith("gaitlib."))


def test_every_file_lies_in_a_room_that_has_a_place():
    assert {room_of(f) for f in files()} <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_above_it(room):
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    for file in files():
        if room_of(file) == room:
            below = [".".join(m) for m in imported(ast.parse(file.read_text())) if m[0] not in allowed]
            assert not below, f"{file.relative_to(PACKAGE)} imports {below}"


def test_no_public_function_bears_the_name_of_its_own_file():
    for file in files():
        names = {n.name for n in ast.parse(file.read_text()).body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert file.stem not in names, file


def test_no_file_has_become_two():
    assert not [f.name for f in files() if len(f.read_text().splitlines()) > LONGEST]


def test_reading_and_drawing_load_no_backend():
    rooms = "trials, protocols, preprocessing, datasets, audit, results, plots"
    code = f"import sys; from gaitlib import {rooms}; print({{'tensorflow', 'keras', 'jax'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
