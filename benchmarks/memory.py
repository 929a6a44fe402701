"""Peak memory of a training by its number of images: ``python benchmarks/memory.py [1000 10000 100000]``.

Trains two small networks for an epoch, and evaluates them, on folders of JPEG files of 32 pixels, which are links to a
few. Each training is a process of its own: once with ``--images streamed``, once with ``--images resident``. What still
grows with streamed images are the labels, the paths, and what is remembered of each sample.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from PIL import Image

SIZE, CLASSES = 32, 10
# A file system allows a file 65,000 links or so.
MOST_LINKS = 10_000
RECIPE = f"""schema: smkd/recipe/1
name: memory
dataset: {{path: photos, size: {SIZE}, test: 0.8}}
networks: small_resnet
methods: [SMKD-P+MyLC]
noise: [{{kind: symmetric, rate: 0.4}}]
seeds: [1]
epochs: 1
batch_size: 64
compute: {{threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}}
"""


def write_photos(folder: Path, count: int) -> None:
    """So many links to JPEG files, in a folder per class."""
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"class{number % CLASSES}" / f"{number:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        original = number // CLASSES // MOST_LINKS * MOST_LINKS * CLASSES + number % CLASSES
        if number == original:
            Image.fromarray(random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)
        else:
            path.hardlink_to(path.with_name(f"{original:07}.jpg"))


def peak(folder: Path, images: str) -> float:
    """Peak memory of a training in MiB."""
    command = [sys.executable, "-m", "smkd_cli", "train", "memory.yaml", "--runs", images, "--images", images]
    command += ["--workers", "2", "--jobs", "1", "--device", "cpu", "--quiet"]
    environment = {**os.environ, "SMKD_CACHE": str(folder / "cache")}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {command}")
    return usage.ru_maxrss / 2**10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    lines: list[dict[str, Any]] = []
    for count in options.counts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_photos(folder / "photos", count)
            (folder / "memory.yaml").write_text(RECIPE)
            of = {images: round(peak(folder, images)) for images in ("streamed", "resident")}
        lines.append({"images": count, "pixels_mib": round(count * SIZE * SIZE * 3 / 2**20), "peak_mib": of})
        print(f"{count:9,} images  streamed {of['streamed']:,} MiB  resident {of['resident']:,} MiB", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": describe(), "lines": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
