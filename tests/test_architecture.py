"""The arrows of docs/architecture.md: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import smkd_cli

PACKAGE = Path(smkd_cli.__file__).parent
STAGES = {"corrupt", "train", "evaluate", "report"}
PACKAGES = {"recipe", "artifacts", "noise", "methods", "data", "networks", "features", "scoring"}
SHARED = {
    *("errors", "console", "interrupt", "resources", "cache", "seeds", "limits", "naming", "words", "suggestions"),
    *("registry",),
}
ALLOWED = {
    "app": {"cli"} | SHARED,
    "cli": STAGES | {"recipe", "data", "networks"} | SHARED,
    "api": {"train", "errors", "arguments", "run"} | PACKAGES,
    "arguments": {"errors"},
    "run": {"artifacts", "networks", "errors", "registry", "words"},
    "__main__": {"app", "console"},
    **dict.fromkeys(STAGES, PACKAGES | SHARED),
    "recipe": {"methods", "networks", "features", "data", "noise", "artifacts"} | SHARED,
    "features": {"networks", "data", "artifacts", "cache", "errors", "console", "registry", "seeds"},
    "artifacts": {"arguments", "errors", "limits", "naming", "suggestions", "words"},
    "noise": {"arguments", "errors", "limits", "naming", "registry", "suggestions", "words"},
    "methods": {"errors", "registry", "suggestions"},
    "data": {"artifacts"} | SHARED,
    "networks": {"artifacts", "cache", "console", "errors", "registry", "suggestions", "words"},
    "scoring": {"data"},
    "console": {"errors", "words"},
    "errors": set(),
    "interrupt": set(),
    "limits": set(),
    "naming": set(),
    "registry": {"console", "errors", "naming", "suggestions"},
    "resources": set(),
    "cache": set(),
    "seeds": set(),
    "suggestions": {"words"},
    "words": set(),
}


# The layers of training: each folder or file of train/ and the others that it may import.
TRAIN_LAYERS = {
    "machine": set(),
    "events": set(),
    "grid": set(),
    "step": {"machine"},
    "calibrate": {"machine", "step"},
    "run": {"machine", "step", "events"},
    "executors": {"machine", "calibrate", "run", "events"},
    "rounds": {"executors", "events"},
    "display": {"events"},
    "dry_run": {"step", "grid"},
    "whole_grid": {"machine", "executors", "rounds", "grid", "events"},
    "command": {"whole_grid", "executors", "display", "grid"},
}


def package_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    return ".".join(("smkd_cli", *path.relative_to(PACKAGE).with_suffix("").parts))


def imported_names(path: Path) -> set[str]:
    """What of ours a file imports, at its top or within a function: modules, and names in them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {name for name in names if name.startswith("smkd_cli.")}
    return found


def imported_packages(path: Path) -> set[str]:
    """The packages of ours that a file imports."""
    return {name.split(".")[1] for name in imported_names(path)} & set(ALLOWED)


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_package_may(path):
    package = package_of(path)
    assert imported_packages(path) - {package} <= ALLOWED[package]


def test_every_package_is_in_the_plan_and_none_stands_above_itself():
    assert {package_of(path) for path in FILES} == set(ALLOWED)
    TopologicalSorter(ALLOWED).prepare()


def test_the_page_on_architecture_names_every_room():
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = {path.parent for path in FILES} - {PACKAGE}
    files = {path for path in FILES if path.parent in {PACKAGE, PACKAGE / "train"} and path.name != "__init__.py"}
    private = {"__main__.py"}
    rooms = {f"{path.name}/" for path in folders} | {path.name for path in files} - private
    unnamed = {room for room in rooms if room not in page}
    assert not unnamed


TRAIN = [path for path in FILES if package_of(path) == "train" and path != PACKAGE / "train" / "__init__.py"]


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE / "train").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", TRAIN, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_of_training_imports_only_what_its_layer_may(path):
    names = {name.split(".")[2] for name in imported_names(path) if name.startswith("smkd_cli.train.")}
    assert names & set(TRAIN_LAYERS) - {layer_of(path)} <= TRAIN_LAYERS[layer_of(path)]


def test_every_layer_of_training_is_in_the_plan_and_none_stands_above_itself():
    assert {layer_of(path) for path in TRAIN} == set(TRAIN_LAYERS)
    TopologicalSorter(TRAIN_LAYERS).prepare()


def test_no_file_of_training_imports_itself_by_way_of_others():
    modules = {module_of(path): path for path in TRAIN if path.name != "__init__.py"}
    TopologicalSorter({name: imported_names(path) & set(modules) for name, path in modules.items()}).prepare()


def test_files_are_short():
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES)
    assert lengths[-1] <= 400
    assert lengths[len(lengths) // 2] < 120


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["corrupt", "-o", "-"],
        ["report"],
        ["recipes", "ls"],
        ["recipes", "validate", "table2"],
        ["train", "table1", "--dry-run"],
        ["datasets", "ls"],
    ],
    ids=" ".join,
)
def test_commands_that_compute_with_no_tensor_never_import_torch(command, tmp_path):
    program = f"""
import sys
from smkd_cli.app import main
try:
    main({command!r})
except SystemExit as stop:
    assert not stop.code, stop.code
assert "torch" not in sys.modules
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_help_imports_next_to_nothing(tmp_path):
    program = """
import sys
from smkd_cli.app import main
try:
    main(["--help"])
except SystemExit:
    pass
heavy = {"torch", "pandas", "numpy", "pydantic", "sklearn", "yaml"} & set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
