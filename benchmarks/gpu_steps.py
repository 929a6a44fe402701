"""The steps on a lent machine with a GPU, each with its own time limit: see ``gpu.sh``. It has no dependencies."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
STEPS = ("imports", "headline", "tests", "variants", "cells")
# A part that is given less is not begun: it would only be killed.
_LEAST_SECONDS = 20.0
# What a part may take to save and end when it is asked to.
_GRACE_SECONDS = 20.0
_PUBLISHED_EVERY = 10.0
_TRIES = 2
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Part:
    """A command of a step.

    Attributes:
        seconds: its limit.
        json: where it writes its figures; those of one step become one file.
        endless: whether it goes on with the next command where this one ends.
        needs: a folder without which it is not begun.
    """

    name: str
    step: str
    words: Sequence[str]
    seconds: float
    json: Path | None = None
    endless: bool = False
    needs: Path | None = None


@dataclass
class Workspace:
    """The folders of a run: ``work`` outlives a command on the machine, ``out`` is what comes back from it.

    Attributes:
        ledger: whose new cells come back.
    """

    work: Path
    out: Path
    ledger: Path
    state: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.work, self.results, self.out):
            folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self.state = json.loads((self.results / "summary.json").read_text())

    @property
    def results(self) -> Path:
        """What comes back, kept from command to command."""
        return self.work / "results"

    @property
    def committed(self) -> Path:
        """The ledger's results in the project."""
        found = re.search(r"^results:\s*(\S+)", self.ledger.read_text(encoding="utf-8"), re.MULTILINE)
        assert found is not None
        return self.ledger.parent / found[1]

    @property
    def cells(self) -> Path:
        """Where its cells come to stand here."""
        return self.work / "cells" / self.committed.name

    def note(self, part: Part, **facts: Any) -> None:
        """Remember how a part went."""
        self.state.setdefault(part.name, {"step": part.step, "tries": 0}).update(facts)
        _write(self.results / "summary.json", json.dumps(self.state, indent=1) + "\n")

    def publish(self) -> None:
        """Bring ``out`` up to date: few small files."""
        self._pack_cells()
        # The summary comes first: who is killed in between finds every part in it of which the log speaks.
        for path in sorted(self.results.iterdir(), key=lambda path: (path.name != "summary.json", path.name)):
            if not path.name.startswith(".") and _is_whole(path):
                _copy(path, self.out / path.name)

    def _pack_cells(self) -> None:
        """Cells that the project has not yet, as an archive to unpack in its root."""
        new = [
            path.parent
            for path in sorted(self.cells.glob("**/result.json"))
            if not (self.committed / path.relative_to(self.cells)).exists()
        ]
        archive = self.results / "cells.tar.gz"
        if not new or (archive.exists() and all(archive.stat().st_mtime > cell.stat().st_mtime for cell in new)):
            return
        part = archive.with_name(f".{archive.name}.part")
        with tarfile.open(part, "w:gz") as tar:
            for cell in new:
                tar.add(cell, str(Path("benchmarks/results", self.committed.name, cell.relative_to(self.cells))))
        part.replace(archive)


def _is_whole(path: Path) -> bool:
    """Whether a file is not one whose writer was ended in the middle of it, as far as its format shows that."""
    try:
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".xml":
            ElementTree.parse(path)
    except (ValueError, ElementTree.ParseError):
        return False
    return True


def _copy(path: Path, there: Path) -> None:
    """Copy what has changed. The copy has the time its source had before: what comes meanwhile is seen next time."""
    changed = path.stat().st_mtime_ns
    if there.exists() and there.stat().st_mtime_ns == changed:
        return
    part = there.with_name(f".{there.name}.part")
    shutil.copyfile(path, part)
    os.utime(part, ns=(changed, changed))
    part.replace(there)


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)


class StoppedError(Exception):
    """A signal came."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(parts: Sequence[Part], workspace: Workspace, seconds: float) -> int:
    """Do what is not done, in order and what failed before last, for so many seconds; gives 1 if a part failed."""
    until = time.monotonic() + seconds
    open_parts = [part for part in parts if not workspace.state.get(part.name, {}).get("done")]
    tries = {part.name: workspace.state.get(part.name, {}).get("tries", 0) for part in open_parts}
    failed = False
    for part in sorted(open_parts, key=lambda part: tries[part.name]):
        left = until - time.monotonic() - _GRACE_SECONDS
        if tries[part.name] >= _TRIES:
            print(f"{part.name}: failed {tries[part.name]} times, left out (--again tries it once more)", flush=True)
        elif part.needs is not None and not part.needs.is_dir():
            print(f"{part.name}: waits for {part.needs}", flush=True)
        elif left >= min(_LEAST_SECONDS, part.seconds):
            failed |= not _do(part, workspace, min(part.seconds, left))
    workspace.publish()
    for part in parts:
        about = workspace.state.get(part.name, {})
        print(f"{part.name:28} {'done' if about.get('done') else about.get('end', 'not yet')}", flush=True)
    return int(failed)


def _do(part: Part, workspace: Workspace, seconds: float) -> bool:
    before = workspace.state.get(part.name, {}).get("tries", 0)
    workspace.note(part, tries=before if part.endless else before + 1, end="killed")
    words = [word.replace("{minutes}", f"{seconds / 60:.3f}") for word in part.words]
    print(f"\n=== {part.name}, at most {seconds:.0f} s", flush=True)
    start = time.monotonic()
    code, over = _watched(words, workspace, seconds)
    well = "goes on next time" if part.endless else "done"
    end = "time is over" if over else well if code == 0 else f"exit code {code}"
    workspace.note(
        part, end=end, seconds=round(time.monotonic() - start, 1), done=code == 0 and not over and not part.endless
    )
    if part.endless and code:
        workspace.note(part, tries=before + 1)
    if part.json is not None:
        _merge(part.step, workspace)
    workspace.publish()
    return code == 0 and not over


def _watched(words: Sequence[str], workspace: Workspace, seconds: float) -> tuple[int, bool]:
    """Run a command, its words to the screen and the log; gives its exit code and whether its time was over."""
    over = threading.Event()
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    how |= {"cwd": ROOT, "env": environment(workspace), "process_group": 0, "preexec_fn": _end_with_parent}
    with (workspace.results / "log.txt").open("a", encoding="utf-8") as log:
        print(f"\n$ {' '.join(words)}", file=log, flush=True)
        # Threads are begun after it: what runs in the child before the command must find no lock of theirs.
        with subprocess.Popen(words, **how) as process, _published_regularly(workspace):

            def end() -> None:
                over.set()
                _end(process)

            timer = threading.Timer(seconds, end)
            timer.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    print(line, end="", flush=True)
                    print(line, end="", file=log, flush=True)
                process.wait()
            finally:
                timer.cancel()
                if process.poll() is None:
                    _end(process)
    return process.returncode, over.is_set()


def _end_with_parent() -> None:
    """Not to hold the device when we are killed without a word, which only Linux can do."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the command and all that it started to end, as Ctrl-C does: pytest then tells what it knows. Then end it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _published_regularly(workspace: Workspace) -> Iterator[None]:
    """Whoever kills us finds nearly everything in ``out``."""
    ended = threading.Event()

    def publish() -> None:
        while not ended.wait(_PUBLISHED_EVERY):
            workspace.publish()

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _merge(step: str, workspace: Workspace) -> None:
    """One file for the figures of a step: those of all its parts so far, of one machine; torn ones are left out."""
    written = sorted((workspace.work / "figures").glob(f"{step}*.json"))
    found = [json.loads(path.read_text()) for path in written if _is_whole(path)]
    if not found:
        return
    cases = [case for report in found for case in report["cases"]]
    machine = found[-1]["machine"]
    name = re.sub(r"[^a-z0-9]+", "-", machine.get("gpu", "cpu").lower()).strip("-")
    kind = {"headline": "step"}.get(step, step)
    _write(workspace.results / f"{kind}-{name}.json", json.dumps({"machine": machine, "cases": cases}, indent=1) + "\n")


def environment(workspace: Workspace) -> dict[str, str]:
    """What commands find: the project, the wheels, the data, and a memory of what was measured here."""
    paths = [str(ROOT), str(BENCHMARKS), str(workspace.work / "site")]
    data = workspace.work / "data"
    here = {"SMKD_DATA": str(data)} if data.is_dir() else {}
    cache = {"SMKD_CACHE": str(workspace.work / "cache")}
    return {**os.environ, **here, **cache, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


def parts(workspace: Workspace, device: str, small: bool, jobs: str) -> list[Part]:
    """All of them, in order."""
    python, figures = sys.executable, workspace.work / "figures"
    figures.mkdir(exist_ok=True)
    graph = "captured" if device == "cuda" else "eager"
    case = "small_resnet:digits:32" if small else "resnet34:cifar100:128"
    quick = ["--rounds", "1"] if small else []
    imports = workspace.results / "imports.json"
    made = [
        Part(
            "imports", "imports", [python, "benchmarks/gpu_imports.py", "--device", device, "--json", str(imports)], 180
        ),
        Part("first epoch", "imports", _first_epoch(python, workspace, device, graph), 180),
    ]
    for step in (graph,) if small else (graph, "compiled"):
        for peers in ("in_turn", "side_by_side"):
            fixed = {"precision": "bfloat16", "memory_format": "channels_last", "peers": peers, "step": step}
            compute = [word for key, value in fixed.items() for word in ("--compute", f"{key}={value}")]
            json_file = figures / f"headline-{step}-{peers}.json"
            words = [python, "benchmarks/step.py", case, "--device", device, *compute, "--json", str(json_file)]
            words += [*quick, "--seconds", "0.1"] if small else []
            made.append(Part(f"headline {step} {peers}", "headline", words, 240, json_file))
    tests = [python, "-m", "pytest", "-rfE", "-p", "no:cacheprovider", "-k", "cuda", "--durations=10", "tests/train"]
    tests += [] if small else ["-n", "4", "--dist", "worksteal"]
    made.append(Part("tests", "tests", [*tests, "--junitxml", str(workspace.results / "tests.xml")], 540))
    json_file = figures / "variants.json"
    words = [python, "benchmarks/variants.py", case, "--device", device, "--json", str(json_file), *quick]
    made.append(Part("variants", "variants", words, 540, json_file))
    data = None if small else workspace.work / "data"
    ledger = [python, "benchmarks/ledger.py", str(workspace.ledger), "--run", "--minutes", "{minutes}"]
    ledger += ["--work", str(workspace.work / "runs"), "--results", str(workspace.cells)]
    made.append(
        Part("cells", "cells", [*ledger, "--", "--jobs", jobs, "--device", device], 86_400, endless=True, needs=data)
    )
    return made


def _first_epoch(python: str, workspace: Workspace, device: str, graph: str) -> list[str]:
    """Training as a user would, for a moment, on data that comes with a package."""
    compute = f"{{precision: bfloat16, memory_format: channels_last, peers: in_turn, step: {graph}, threads: 1}}"
    changes = ["methods=[SMKD-P+MyLC]", "seeds=[1]", "epochs=1", f"compute={compute}"]
    words = [word for change in changes for word in ("--set", change)]
    runs = str(workspace.work / "first")
    return [python, "-m", "smkd_cli", "train", "quickstart", *words, "--device", device, "--runs", runs]


_REHEARSED = """\
results: ../results/rehearsal
set: [epochs=1, "seeds=[1]", "compute={threads: 1, precision: float32, memory_format: channels_last}"]
lines:
  - {recipe: quickstart, set: ["methods=[CE]"]}
  - {recipe: quickstart, set: ["methods=[Zero+MyLC]"]}
"""


def _rehearsed_ledger(work: Path) -> Path:
    path = work / "ledgers" / "rehearsal.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_REHEARSED)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="+", choices=[*STEPS, "all"])
    parser.add_argument("--minutes", type=float, default=9.0, help="for all of it")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or "gpu-results"))
    parser.add_argument("--jobs", default="1", help="cells at a time")
    parser.add_argument("--ledger", type=Path, default=BENCHMARKS / "ledgers" / "cifar100.yaml")
    parser.add_argument("--again", action="store_true", help="forget that these steps were done, or failed")
    arguments = parser.parse_args()
    small = bool(os.environ.get("SMKD_GPU_REHEARSAL"))
    work = Path(os.environ["SMKD_GPU_WORK"])
    ledger = _rehearsed_ledger(work) if small else arguments.ledger.resolve()
    workspace = Workspace(work, arguments.out.resolve(), ledger)
    steps = STEPS if "all" in arguments.steps else arguments.steps
    chosen = [
        part for part in parts(workspace, "cpu" if small else "cuda", small, arguments.jobs) if part.step in steps
    ]
    if arguments.again:
        for part in chosen:
            workspace.note(part, tries=0, done=False)
    if workspace.committed.is_dir() and not workspace.cells.is_dir():
        shutil.copytree(workspace.committed, workspace.cells)

    def stop(number: int, _frame: object) -> None:
        raise StoppedError(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        return run(chosen, workspace, 60 * arguments.minutes)
    except StoppedError as stopped:
        workspace.publish()
        return 128 + stopped.number


if __name__ == "__main__":
    sys.exit(main())
