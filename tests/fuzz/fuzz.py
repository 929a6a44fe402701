"""Gives damaged files to commands for a given time, and stops at the first that is not handled well.

    python tests/fuzz/fuzz.py manifest --seconds 3600 --seed 7

Subjects: manifest, labels, parquet (with pyarrow), result, scores, metrics, records (of samples), peer,
checkpoint, recipe. A file that escapes is kept with the command that shows it; the same seed makes the same files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random

sys.path.append(str(Path(__file__).parents[1] / "helpers"))
from outcomes import Outcome, run
from subjects import SUBJECTS, Samples


def attempt(name: str, number: int, seed: int, samples: Samples, here: Path) -> Outcome | None:
    """Make case ``number`` of a subject and read it; the outcome if it is an escape."""
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    for words in SUBJECTS[name](samples, Random(f"{name} {seed} {number}"), here):
        outcome = run(here, *words)
        if outcome.escape:
            return outcome
    return None


def fuzz(name: str, seconds: float, seed: int, folder: Path) -> tuple[int, Outcome | None]:
    """Cases read in so many seconds, and the first escape; its files stay in the folder ``case``."""
    samples = Samples(folder / "samples")
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        escaped = attempt(name, number, seed, samples, folder / "case")
        number += 1
        if escaped:
            return number, escaped
    return number, None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", choices=[*SUBJECTS])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="smkd-fuzz-"))
    count, escaped = fuzz(arguments.subject, arguments.seconds, arguments.seed, folder)
    sys.stderr.write(f"{arguments.subject}: {count} cases from seed {arguments.seed}\n")
    if escaped is None:
        shutil.rmtree(folder)
        return 0
    sys.stderr.write(f"smkd {' '.join(escaped.words)} (in {folder / 'case'}): {escaped.escape}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
