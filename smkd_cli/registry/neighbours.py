"""Modules beside a plug-in's file, for the plug-ins of that folder alone.

Each folder with plug-ins is a package of its own name, whose modules are found in the folder. In their code ``import
helpers`` and ``from .helpers import x`` lead to the ``helpers.py`` beside them, at any time; no other code's imports
change, and two folders may each have a ``helpers.py``. Modules of Python itself and of this package come first.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

PREFIX = "smkd_plugins_in_"
_NEVER = sys.stdlib_module_names | {__name__.partition(".")[0]}


def load(file: Path) -> ModuleType:
    """The module that a file is, which is run; raises what it raises. ``file`` is absolute."""
    package = _package_of(file.parent)
    stem = file.stem if file.stem.isidentifier() else f"_{_digest(file.name)}"
    name = f"{package}.{stem}"
    if (known := sys.modules.get(name)) is not None:  # it was imported by a neighbour
        return known
    spec = spec_from_file_location(name, file, loader=_Loader(name, str(file)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # where pydantic looks for the meaning of the fields' types
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def is_beside(folder: Path, top: str) -> bool:
    """Whether an import of that name leads to a module of the folder."""
    return top not in _NEVER and ((folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file())


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _package_of(folder: Path) -> str:
    """The name of the package that a folder is; it is made where there is none yet."""
    name = f"{PREFIX}{re.sub(r'[^A-Za-z0-9]', '_', folder.name)}_{_digest(str(folder))}"
    if name not in sys.modules:
        package = ModuleType(name, f"The plug-ins in {folder}.")
        package.__path__ = [str(folder)]
        sys.modules[name] = package
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
    return name


class _Finder(MetaPathFinder):
    """Finds the modules of the folders."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(PREFIX):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Runs a module whose import statements look beside it."""

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": partial(_import, package)}
        super().exec_module(module)


def _import(
    package: str,
    name: str,
    variables: Mapping[str, Any] | None = None,
    local: Mapping[str, Any] | None = None,
    wanted: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Python's ``__import__`` for the modules of a package that is a folder."""
    top = name.partition(".")[0]
    if level or not is_beside(Path(sys.modules[package].__path__[0]), top):
        return builtins.__import__(name, variables, local, wanted or (), level)
    if wanted:
        return builtins.__import__(f"{package}.{name}", variables, local, wanted)
    importlib.import_module(f"{package}.{name}")
    return sys.modules[f"{package}.{top}"]


def imported_by(file: Path) -> list[Path]:
    """The files beside a plug-in's file that its code imports, and those that these import; nothing is run.

    Found in the text of import statements, wherever in the code they stand; a file that cannot be read imports nothing.
    """
    folder, found = file.parent, {file: None}
    for path in (queue := [file]):
        for name in _imports(path):
            for beside in _files(folder, name.split(".")):
                if beside not in found:
                    found[beside] = None
                    queue.append(beside)
    return list(found)[1:]


def _imports(path: Path) -> set[str]:
    """The dotted names, from the plug-in's folder on, that import statements may ask for."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = f"{node.module}." if node.module else ""
            names |= {f"{start}{alias.name}" for alias in node.names}
    return {name for name in names if name.partition(".")[0] not in _NEVER}


def _files(folder: Path, parts: Sequence[str]) -> list[Path]:
    """The files of the modules along a dotted name, as far as they are there."""
    files = []
    for part in parts:
        for file in (folder / f"{part}.py", folder / part / "__init__.py"):
            if file.is_file():
                files.append(file)
                break
        folder /= part
    return files
