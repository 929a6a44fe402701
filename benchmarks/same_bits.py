"""Whether another version of the code trains the same weights, bit for bit, on this machine.

    python benchmarks/same_bits.py record before.json                        of this checkout
    python benchmarks/same_bits.py record before.json --checkout DIRECTORY   of another one, with this Python
    python benchmarks/same_bits.py compare before.json after.json

Every method is trained for four epochs on digits, in all its stages and along the ways that options open, and then the
quickstart's first seed in full. What is recorded is a hash of each peer's weights, by name, shape and value. Hashes of
two machines may differ: processors round in their own ways.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parent.parent
EXCHANGES = ("All", "MKD", "SMKD-S", "SMKD-P")
TARGETS = ("APL", "GCE", "SCE", "Tf-KD_reg", "Boot-hard", "Boot-soft", "CE", "CP", "LS", "MyLC", "ProSelfLC")
OTHERS = (
    *("AFD", "BAN", "FFL", "KDCL", "PCL", "Tf-KD_self", "Joint", "M-DYR", "DMI", "CDR", "Co-teaching", "Co-teaching+"),
    *("MentorNet", "S2E", "Backward", "Forward", "T-revision"),
)
VARIANTS = (
    "{name: DMI, label: DMI fast, dmi_rate: 1e-2}",
    "{name: GCE, label: GCE truncated, truncated: true, prune_from: 0.4, refresh: 1}",
    "{name: Co-teaching, label: Co-teaching estimated, noise_rate: estimated}",
    "{name: Forward, label: Forward oracle, transition: oracle}",
    *(f"{{name: KDCL, label: KDCL {variant}, variant: {variant}}}" for variant in ("naive", "linear", "general")),
    "{name: S2E, label: S2E searching, trials: 4, trials_per_round: 4}",
    "{name: SMKD-S+MyLC, label: SMKD-S sender, normalisation: sender}",
    "{name: MyLC, label: MyLC detached, detach: true}",
    "{name: ProSelfLC, label: ProSelfLC epochs, trust_time: epoch}",
)
# Defaults may change; what is compared here may not.
WHOLE = (
    "seeds=[1]",
    "methods=[CE, LS, CP, Boot-soft, ProSelfLC, MyLC, All+ProSelfLC, All+MyLC, SMKD-S+ProSelfLC, SMKD-S+MyLC, "
    "SMKD-P+ProSelfLC, SMKD-P+MyLC]",
    "options={LS: {epsilon: 0.5}, CP: {epsilon: 0.5}, Boot-soft: {epsilon: 0.5}, ProSelfLC: {b: 12}, "
    "MyLC: {b1: 16, rho: 0.5}, SMKD-S: {eta: 4}, SMKD-P: {eta: 2, b2: -8}}",
)
SHORT = (
    *("epochs=4", "seeds=[1]", "validation.fraction=0.2", "tables=[]"),
    "options={SMKD-P: {eta: 4, b2: -2}, SMKD-S: {eta: 4}}",
)
CROPPED = ("augmentation={crop_padding: 1, flip: true}", "networks=small_resnet", "seeds=[2]")
COMPUTE = "compute={threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}"


def short_methods() -> list[str]:
    """Entries of a recipe's list of methods; a test keeps them whole."""
    exchanged = (f"{exchange}+{target}" for exchange in EXCHANGES for target in ("MyLC", "CP", "CE"))
    return [*TARGETS, *exchanged, *OTHERS, *VARIANTS]


def train(checkout: Path, runs: Path, jobs: str, *changes: str) -> Iterator[tuple[str, Path]]:
    """Train the quickstart with these changes; its cells' names and folders."""
    sets = [word for change in (*changes, COMPUTE) for word in ("--set", change)]
    command = [sys.executable, "-m", "smkd_cli", "train", "quickstart", *sets]
    command += ["--runs", str(runs), "--device", "cpu", "--jobs", jobs]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    subprocess.run(command, check=True, cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
    yield from sorted((path.parent.name, path.parent) for path in runs.glob("*/*/result.json"))


def weights_of(cell: Path) -> str:
    """A hash of both peers' weights."""
    whole = hashlib.sha256()
    for peer in "ab":
        for name, value in sorted(load_file(cell / f"peer_{peer}.safetensors").items()):
            whole.update(f"{peer} {name} {value.dtype} {value.shape}".encode())
            whole.update(value.tobytes())
    return whole.hexdigest()[:16]


def record(file: Path, checkout: Path, jobs: str, quick: bool) -> None:
    """Train all, and write the hashes."""
    hashes = {}
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(scratch)
        entries = f"methods=[{', '.join(short_methods())}]"
        cells = list(train(checkout, runs / "short", jobs, *SHORT, entries))
        teacher = next(path for name, path in cells if name.startswith("ce_"))
        taught = f"methods=[{{name: T2S-KD, teacher: {teacher}}}]"
        cells += train(checkout, runs / "taught", jobs, *SHORT[:-1], "options={}", taught)
        few = "methods=[SMKD-S+MyLC, SMKD-P+MyLC, KDCL, M-DYR]"
        cells += train(checkout, runs / "cropped", jobs, *SHORT, *CROPPED, few)
        if not quick:
            whole = train(checkout, runs / "whole", jobs, *WHOLE)
            cells += [(f"quickstart {name}", path) for name, path in whole]
        for name, path in cells:
            hashes[name.split("_teacher")[0] if name.startswith("t2s") else name] = weights_of(path)
    file.write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n")
    print(f"{file}: {len(hashes)} cells")


def compare(before: Path, after: Path) -> int:
    """Name every cell that is not the same in both; gives 1 if there is one."""
    old, new = json.loads(before.read_text()), json.loads(after.read_text())
    wrong = [name for name in sorted(old | new) if old.get(name) != new.get(name)]
    for name in wrong:
        print(f"{name}: {old.get(name, 'missing')} before, {new.get(name, 'missing')} after")
    print(f"{len(old | new) - len(wrong)} of {len(old | new)} cells are the same")
    return int(bool(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    recording = verbs.add_parser("record")
    recording.add_argument("file", type=Path)
    recording.add_argument("--checkout", type=Path, default=ROOT)
    recording.add_argument("--jobs", default="2")
    recording.add_argument("--quick", action="store_true", help="leave out the whole quickstart")
    comparing = verbs.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.verb == "compare":
        return compare(given.before, given.after)
    record(given.file, given.checkout.resolve(), given.jobs, given.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
