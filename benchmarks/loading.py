"""Speed of streamed images: ``python benchmarks/loading.py [--photos FOLDER] [--workers 2] [--rounds 5]``.

An epoch of JPEG files of two sizes becomes normalised batches of 224 pixels in several ways, in turn, in this process:

* ``streamed``: as ``smkd train --images streamed`` does it;
* ``staged``: the same without the last step, which makes normalised numbers of the bytes that are in place;
* ``decoding``: as many threads that decode and resize the same images, and do nothing with them; beside ``staged``;
* ``torchvision``: ``ImageFolder`` and a ``DataLoader`` of as many worker processes, with ``Resize``, ``CenterCrop``,
  ``ToTensor`` and ``Normalize``. Its workers are started before the time is taken.

Without ``--photos``, the photographs are made up: noise with the spectrum of natural images.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from machine import describe
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from smkd_cli.data import OwnData
from smkd_cli.data.images.streamed import StreamedImages
from smkd_cli.data.own.source import ImageFiles

SIZE, CROP, BATCH = 224, 0.875, 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILES = 16
# Shorter side of the photographs in pixels, and how many images an epoch has.
EPOCHS = {1500: 96, 256: 512}
Epoch = Callable[[], int]


def made_up(seed: int, side: int) -> Image.Image:
    """Noise whose octaves are equally strong, in colours that are alike."""
    random = np.random.default_rng(seed)
    shape = (side, side * 4 // 3)
    total = np.zeros((*shape, 3))
    for octave in range(2, 9):
        size = 1 << octave
        coarse = 0.3 * random.normal(size=(size, size, 3)) + random.normal(size=(size, size, 1))
        for channel in range(3):
            plane = Image.fromarray(coarse[..., channel].astype(np.float32))
            total[..., channel] += np.asarray(plane.resize(shape[::-1], Image.Resampling.BICUBIC))
    return Image.fromarray((128 + 25 * total).clip(0, 255).astype(np.uint8))


def photographs(folder: Path, photos: Path | None, side: int, count: int) -> None:
    """Two classes of JPEG files whose shorter side is so long; of one picture there are several links."""
    real = sorted(photos.rglob("*.jpg"))[:FILES] if photos else []
    for number in range(count):
        path = folder / f"class{number % 2}" / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number >= FILES:
            path.hardlink_to(folder / f"class{number % 2}" / f"{number % FILES:04}.jpg")
            continue
        image = Image.open(real[number % len(real)]).convert("RGB") if real else made_up(number, side)
        scale = side / min(image.size)
        shape = round(image.width * scale), round(image.height * scale)
        image.resize(shape, Image.Resampling.BICUBIC).save(path, quality=90)


def files(folder: Path) -> ImageFiles:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))
    return ImageFiles(folder, np.array(names, object), OwnData(str(folder), size=SIZE, crop=CROP))


def staged(folder: Path, workers: int) -> Epoch:
    return streamed(folder, workers, normalised=False)


def streamed(folder: Path, workers: int, normalised: bool = True) -> Epoch:
    reader = files(folder)
    images = StreamedImages(reader, (SIZE, SIZE, 3), MEAN, STD, torch.device("cpu"), most=BATCH, workers=workers)

    def epoch() -> int:
        order = np.random.default_rng(0).permutation(len(reader))
        samples = [order[start : start + BATCH, None] for start in range(0, len(order), BATCH)]
        done = 0
        for batch in images.ahead(({"indices": torch.from_numpy(of)} for of in samples), samples):
            images.stage(batch)
            done += len(images.view(batch["indices"][:, 0], []) if normalised else batch["indices"])
        return done

    return epoch


def decoding(folder: Path, workers: int) -> Epoch:
    reader = files(folder)

    def one(index: int) -> int:
        return len(reader.read(np.array([index])))

    def epoch() -> int:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return sum(pool.map(one, range(len(reader))))

    return epoch


def torchvision(folder: Path, workers: int) -> Epoch:
    shown = transforms.Compose(
        [
            transforms.Resize(round(SIZE / CROP)),
            transforms.CenterCrop(SIZE),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    loader = DataLoader(ImageFolder(folder, shown), BATCH, shuffle=True, num_workers=workers, persistent_workers=True)
    next(iter(loader))
    return lambda: sum(len(labels) for _, labels in loader)


def measure(folder: Path, workers: int, rounds: int) -> dict[str, Any]:
    """Images per second of each way, and the ratios of the times in each round."""
    ways = {way.__name__: way(folder, workers) for way in (streamed, staged, decoding, torchvision)}
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, epoch in ways.items():
            start, used = time.perf_counter(), time.process_time()
            count = epoch()
            if turn:  # the first one warms up
                speeds[name].append(count / (time.perf_counter() - start))
                work[name].append((time.process_time() - used) / count)
    ratios = {
        f"{one} / {other}": median(a / b for a, b in zip(speeds[one], speeds[other], strict=True))
        for one, other in (("staged", "decoding"), ("streamed", "torchvision"))
    }
    # Other load on the machine hardly changes the processor's time. That of torchvision is in other processes.
    ratios["decoding / staged, processor time"] = median(work["decoding"]) / median(work["staged"])
    return {"images_per_second": {name: median(of) for name, of in speeds.items()}, "ratios": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of real photographs")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=float, default=1.0, help="length of an epoch, as a factor")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = {}
    for side, count in EPOCHS.items():
        with tempfile.TemporaryDirectory() as folder:
            photographs(Path(folder) / "photos", options.photos, side, max(4, round(count * options.images)))
            cases[side] = measure(Path(folder) / "photos", options.workers, options.rounds)
        speeds = "  ".join(f"{name} {speed:.0f}/s" for name, speed in cases[side]["images_per_second"].items())
        ratios = "  ".join(f"{name} {ratio:.2f}" for name, ratio in cases[side]["ratios"].items())
        print(f"{side:5} px  {speeds}  {ratios}", flush=True)
    if options.json:
        record = {"machine": describe(), "workers": options.workers, "rounds": options.rounds, "cases": cases}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
