"""Speed and memory of label noise: ``python benchmarks/corrupt.py [labels]``, ten million by default.

Runs pandas alone and ``smkd corrupt --labels`` in turn, each as a process of its own: both read the columns of a CSV
file and write the four columns of a manifest. ``read`` is what reading and checking that manifest takes. Then draws
labels of every kind.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from smkd_cli import noise

ROUNDS = 3
CLASSES = 100

PANDAS = """
import sys, numpy, pandas
table = pandas.read_csv(sys.argv[1])
columns = {"index": numpy.arange(len(table)), "image": table.get("image", ""), "clean_label": table["label"]}
pandas.DataFrame(columns | {"noisy_label": table["label"]}).to_csv(sys.argv[2], index=False)
"""
READ = "import sys; from smkd_cli.artifacts.manifest import read_manifest; read_manifest(sys.argv[1])"


def timed(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory (GiB) of a Python process."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {arguments}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def draw(count: int) -> None:
    for classes in (10, 100):
        labels = np.random.default_rng(0).integers(0, classes, count)
        for kind in noise.kinds():
            for sampling in ("per-sample", "exact"):
                start = time.perf_counter()
                noise.corrupt_labels(
                    labels,
                    kind=kind,
                    rate=0.0 if kind == "clean" else 0.4,
                    classes=classes,
                    seed=0,
                    sampling=sampling,
                    dataset=f"cifar{classes}",
                )
                print(f"draw   {classes:3} classes  {kind:19}  {sampling:10}  {time.perf_counter() - start:5.2f} s")


def whole_command(count: int, folder: Path) -> None:
    without, with_images = folder / "labels.csv", folder / "images.csv"
    # In small pieces: a child's peak memory counts what its parent held when it was started.
    generator = np.random.default_rng(0)
    with without.open("w") as labels_only, with_images.open("w") as both:
        labels_only.write("label\n")
        both.write("image,label\n")
        for start in range(0, count, 10_000):
            labels = generator.integers(0, CLASSES, min(10_000, count - start)).tolist()
            labels_only.writelines(f"{label}\n" for label in labels)
            both.writelines(f"img/{row:08d}.png,{label}\n" for row, label in enumerate(labels, start))
    output = str(folder / "out.csv")
    for source in (without, with_images):
        results: dict[str, list[tuple[float, float]]] = {"pandas": [], "smkd": [], "read": []}
        for _ in range(ROUNDS):
            results["pandas"].append(timed("-c", PANDAS, str(source), output))
            results["smkd"].append(timed("-m", "smkd_cli", "corrupt", "--labels", str(source), "-o", output))
            results["read"].append(timed("-c", READ, output))
        seconds = {name: median(second for second, _ in runs) for name, runs in results.items()}
        for name, runs in results.items():
            ratio = seconds[name] / seconds["pandas"]
            peak = max(memory for _, memory in runs)
            print(f"{source.stem:6}  {name:6}  {seconds[name]:5.2f} s  {ratio:4.2f} times pandas  {peak:4.2f} GiB")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    print(f"{count:,} labels, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        whole_command(count, Path(folder))
    draw(count)


if __name__ == "__main__":
    main()
