"""How long a training step takes in this version of the code, against another one.

    git worktree add ../before COMMIT
    python benchmarks/versions.py ../before small_resnet:digits:128 resnet18:cifar100:128

Each version steps in a process of its own, with its own ``benchmarks/contestants.py``. The two take turns. The ratio is
the median over the rounds of the ratio within a round; the quartiles of these ratios stand beside it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from machine import DATA, describe

ROOT = Path(__file__).resolve().parent.parent
CASES = ("small_resnet:digits:128", "small_resnet:cifar100:128", "resnet18:cifar100:32", "shufflenet_v2:cifar100:128")
# What runs in the process of a version: it takes as many steps as each line of its input says.
STEPS = """\
import sys, time
from pathlib import Path
import step
from contestants import ours
try:
    from smkd_cli.train.machine.compute import ComputeConfig
except ImportError:
    from smkd_cli.train.machine.setup import Setup as ComputeConfig
settings = ["precision=float32", "memory_format=channels_last", "peers=in_turn"]
recipe = step.recipe_of(sys.argv[1], settings, Path(sys.argv[2]))
steps = ours(recipe, ComputeConfig("cpu", 1, "float32", "channels_last", "in_turn", "eager"), Path(sys.argv[2]))
steps(3)
print("ready", flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    steps(int(line))
    print(time.perf_counter() - began, flush=True)
"""


class Version:
    """A version of the code, ready to step."""

    def __init__(self, checkout: Path, case: str, data: Path) -> None:
        paths = os.pathsep.join(map(str, (checkout, checkout / "benchmarks")))
        self._process = subprocess.Popen(
            [sys.executable, "-c", STEPS, case, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
        if self._answer() != "ready":
            raise SystemExit(f"{checkout}: cannot step")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def seconds(self, count: int) -> float:
        """Of so many steps."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="a checkout of another version")
    parser.add_argument("cases", nargs="*", default=CASES, help="network:dataset:batch")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each version in a round")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    given = parser.parse_args()
    print(describe())
    for case in given.cases:
        versions = [Version(path.resolve(), case, given.data.resolve()) for path in (given.other, ROOT)]
        count = max(1, int(given.seconds / versions[0].seconds(1)))
        ratios = []
        for number in range(given.rounds):
            order = versions if number % 2 else versions[::-1]
            times = {version: version.seconds(count) for version in order}
            ratios.append(times[versions[1]] / times[versions[0]])
        for version in versions:
            version.end()
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{case}: {middle:.3f} (quartiles {low:.3f}, {high:.3f}; {given.rounds} rounds of {count} steps)",
            flush=True,
        )


if __name__ == "__main__":
    main()
