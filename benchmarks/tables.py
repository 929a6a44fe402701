"""How long `smkd corrupt` takes on a table of images, against pandas reading and writing the same columns.

    python benchmarks/tables.py --rows 2400000

The table has paths and labels. Both are commands of their own, which take turns, round after round; the ratio is the
median over the rounds of the ratio within one. No image exists.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

# What pandas does with what `smkd corrupt` reads and writes: paths and labels in; number, path and two labels out.
PANDAS = """\
import sys
import pandas as pd
table = pd.read_csv(sys.argv[1])
codes, _ = pd.factorize(table["label"])
out = pd.DataFrame({"index": range(len(table)), "image": table["path"], "clean_label": "", "noisy_label": codes})
out.to_csv(sys.argv[2], index=False)
"""


def write_table(path: Path, rows: int, classes: int) -> None:
    """Paths in a folder per class, sorted."""
    with path.open("w") as stream:
        stream.write("path,label\n")
        each = -(-rows // classes)
        stream.writelines(f"class_{row // each:04}/image_{row:08}.jpg,class_{row // each:04}\n" for row in range(rows))


def seconds(command: list[str], folder: Path) -> float:
    """Of one command, from its start to its end."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_400_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "table.csv", given.rows, given.classes)
        os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
        noise = ["--kind", "symmetric", "--rate", "0.4", "--quiet", "-o", "manifest.csv"]
        commands = {
            "pandas": [sys.executable, "-c", PANDAS, "table.csv", "pandas.csv"],
            "corrupt": [sys.executable, "-m", "smkd_cli", "corrupt", "--dataset", "./table.csv", *noise],
        }
        rounds = [[seconds(command, folder) for command in commands.values()] for _ in range(given.rounds)]
    pandas, corrupt = (statistics.median(times) for times in zip(*rounds, strict=True))
    ratio = statistics.median(ours / theirs for theirs, ours in rounds)
    print(f"{given.rows:,} rows: pandas {pandas:.1f} s, smkd corrupt {corrupt:.1f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
