"""Whether everything can be imported here, in which versions, and what machine this is: a JSON file. See ``gpu.sh``."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_QUERY = "name,driver_version,memory.total,clocks.max.sm,clocks.max.memory,power.limit"


def modules() -> Iterator[str]:
    """Every module of the program, and what its tests and benchmarks need."""
    yield from ("torch", "torchvision", "numpy", "pandas", "scipy", "sklearn", "safetensors", "pytest", "hypothesis")
    yield "smkd_cli"
    package = importlib.import_module("smkd_cli")
    yield from (
        module.name for module in pkgutil.walk_packages(package.__path__, "smkd_cli.") if "__main__" not in module.name
    )
    yield from ("machine", "contestants", "step", "variants", "ledger")


def tried(work: Callable[[], Any], failures: dict[str, str], name: str) -> Any:
    try:
        return work()
    except Exception as error:  # any error is reported and does not end the list
        failures[name] = f"{type(error).__name__}: {error}"
        return None


def versions() -> dict[str, str | None]:
    """Of what the project needs."""
    found: dict[str, str | None] = {"python": sys.version.split()[0]}
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        name = requirement.partition(">=")[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def product(device: str) -> float:
    """Floating-point operations per second of a product of two large random matrices in bfloat16."""
    import torch

    size = 8192 if device == "cuda" else 512
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        torch.mm(a, b).sum().item()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    failures: dict[str, str] = {}
    report: dict[str, Any] = {"versions": versions(), "failures": failures}
    for name in tried(lambda: list(modules()), failures, "smkd_cli") or ():
        tried(lambda name=name: importlib.import_module(name), failures, name)

    def machine() -> Any:
        return importlib.import_module("machine").describe(arguments.device)

    report["machine"] = tried(machine, failures, "the machine's description")
    report["matrix_product"] = tried(lambda: product(arguments.device), failures, "a product of matrices")
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv"]
        report["nvidia_smi"] = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
