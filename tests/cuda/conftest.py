"""The stand-in for the CUDA runtime: built once a session, preloaded by the processes that tests start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

HERE = Path(__file__).parent
# CUDA's own headers come in parts: those of the runtime with it, some that they include with the compiler of torch.
HEADERS = ("nvidia/cu13/include", "triton/backends/nvidia/include")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, under the name of the driver's library."""
    packages = Path(torch.__file__).parents[1]
    headers = [packages / part for part in HEADERS if (packages / part).is_dir()]
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if torch.cuda.is_available():
        pytest.skip("there is a real CUDA device here: tests/train uses it")
    if (torch.version.cuda or "").partition(".")[0] != "13" or len(headers) < len(HEADERS):
        pytest.skip("needs torch built for CUDA 13, with the headers of its runtime")
    if compiler is None:
        pytest.skip("needs a C compiler")
    made = tmp_path_factory.mktemp("cuda") / "libcuda.so.1"
    options = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", f"-Wl,-soname,{made.name}"]
    includes = [f"-I{folder}" for folder in headers]
    subprocess.run([compiler, *options, *includes, HERE / "standin.c", "-o", made], check=True)
    return made


@pytest.fixture(scope="session")
def standin(library: Path) -> Callable[..., Any]:
    """Run a script of this folder over the stand-in, with warnings as errors; what it prints is JSON."""

    def run(script: str, *arguments: str) -> Any:
        paths = [str(HERE.parents[1]), str(HERE.parent / "helpers")]
        environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-W", "error", str(HERE / script), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
