"""How fast commands answer, against importing torch: measured in turns, in one run.

    python benchmarks/startup.py

Prints a line per command: the median over the rounds of its time, and of its ratio to importing torch in the
same round.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 7
SMKD = [sys.executable, "-m", "smkd_cli"]
COMMANDS = {
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    "smkd --help": [*SMKD, "--help"],
    "smkd recipes validate table2": [*SMKD, "recipes", "validate", "table2"],
    "smkd corrupt -o -": [*SMKD, "corrupt", "-o", "-"],
    "smkd report": [*SMKD, "report"],
}


def seconds(command: list[str]) -> float:
    """Wall-clock time of a command as a process."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    rounds = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(ROUNDS + 1)][1:]
    base = next(iter(COMMANDS))
    for name in COMMANDS:
        median = statistics.median(times[name] for times in rounds)
        ratio = statistics.median(times[name] / times[base] for times in rounds)
        print(f"{name:32} {median:6.3f} s  {ratio:6.3f} of importing torch")


if __name__ == "__main__":
    main()
