"""What a machine without a network needs, in pieces: packed here, put together there (``gpu.sh``). No dependencies."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANIFEST, WHEELS, ARCHIVE = "manifest.json", "wheels", "data.tar.xz"
# Small packages that such a machine may lack, with all that they need. What is large must be there: torch, torchvision,
# numpy, pandas, scipy, scikit-learn.
PACKED = (
    *("pydantic", "pydantic_core", "annotated-types", "typing-inspection", "typing_extensions"),
    *("typer", "annotated-doc", "shellingham", "rich", "markdown-it-py", "mdurl", "Pygments", "safetensors", "PyYAML"),
    *("pytest", "pluggy", "iniconfig", "packaging", "pytest-xdist", "execnet", "hypothesis", "sortedcontainers"),
)
FOR_TESTS = ("pytest>=8.3", "pytest-xdist>=3.6", "hypothesis>=6.112")
_PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64")
# Packing takes a minute at this level; higher ones take several and save little, for pictures.
_PRESET = 1


class ParcelError(Exception):
    """What is wrong with a parcel, for people."""


def md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def pack_data(files: Iterable[Path], root: Path, folder: Path, size: int, beside_first: int = 0) -> int:
    """Pack files, named from ``root`` on, into pieces of at most ``size`` bytes: ``folder/1`` and so on.

    The first one is smaller by what goes beside it. Gives the number of pieces.
    """
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / ARCHIVE
    known = {}
    with tarfile.open(archive, "w:xz", preset=_PRESET) as tar:
        for path in files:
            known[str(path.relative_to(root))] = md5(path)
            tar.add(path, str(path.relative_to(root)))
    pieces = {}
    with archive.open("rb") as stream:
        while content := stream.read(size if pieces else size - beside_first):
            name = f"{ARCHIVE}.{len(pieces) + 1}"
            part = folder / str(len(pieces) + 1)
            part.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content)
            pieces[name] = md5(part / name)
    archive.unlink()
    for number in range(1, len(pieces) + 1):
        (folder / str(number) / MANIFEST).write_text(json.dumps({"pieces": pieces, "files": known}, indent=1) + "\n")
    return len(pieces)


def pack_wheels(folder: Path, python: str, packages: Sequence[str] = PACKED) -> None:
    """Download wheels for that version of Python on Linux, in the versions of ``constraints.txt``."""
    pinned = {line.partition("==")[0].lower(): line for line in (ROOT / "constraints.txt").read_text().split()}
    platforms = [word for platform in _PLATFORMS for word in ("--platform", platform)]
    kind = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp", *platforms]
    names = [pinned.get(name.lower(), name) for name in packages]
    command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", *kind, "-d", str(folder), *names]
    subprocess.run(command, check=True)


def receive_data(folders: Iterable[Path], work: Path) -> str:
    """Take pieces over, and unpack the data once all are there; says how far it is.

    Raises:
        ParcelError: a piece is damaged or of another parcel.
    """
    pieces_here = work / "pieces"
    pieces_here.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        manifest = folder / MANIFEST
        if not manifest.is_file():
            raise ParcelError(f"{folder}: holds no {MANIFEST}: it is no piece of a parcel")
        known = pieces_here / MANIFEST
        if known.exists() and known.read_bytes() != manifest.read_bytes():
            raise ParcelError(f"{folder}: is of another parcel than the pieces in {pieces_here}")
        _copy_into_place(manifest, known)
        for name, expected in json.loads(manifest.read_text())["pieces"].items():
            if (folder / name).exists():
                if md5(folder / name) != expected:
                    raise ParcelError(f"{folder / name}: damaged on its way; send it again")
                _copy_into_place(folder / name, pieces_here / name)
    if not (pieces_here / MANIFEST).exists():
        return "no pieces of data yet"
    manifest = json.loads((pieces_here / MANIFEST).read_text())
    there = [name for name in manifest["pieces"] if (pieces_here / name).exists()]
    if len(there) < len(manifest["pieces"]):
        return f"{len(there)} of {len(manifest['pieces'])} pieces of data are here"
    if not (work / "data").is_dir():
        _unpack([pieces_here / name for name in manifest["pieces"]], manifest["files"], work)
    return f"the data is in {work / 'data'}"


def _copy_into_place(source: Path, destination: Path) -> None:
    if not destination.exists():
        part = destination.with_name(f".{destination.name}.part")
        shutil.copyfile(source, part)
        part.replace(destination)


def _unpack(pieces: Sequence[Path], files: dict[str, str], work: Path) -> None:
    archive, part = work / ARCHIVE, work / "data.part"
    with archive.open("wb") as stream:
        for piece in pieces:
            stream.write(piece.read_bytes())
    shutil.rmtree(part, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(part, filter="data")
    for name, expected in files.items():
        if md5(part / name) != expected:
            raise ParcelError(f"{name}: not what was packed; send all pieces again")
    part.replace(work / "data")
    archive.unlink()


def install_wheels(wheels: Path, site: Path, requirements: Sequence[str]) -> list[str]:
    """Install, of wheels, what the running Python lacks for these requirements, and says what cannot be had."""
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    quiet = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PYTHONPATH": paths}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--quiet", "--no-index", "--find-links", str(wheels)]

    def resolved(wanted: Sequence[str]) -> list[str] | None:
        command = [*pip, "install", "--dry-run", *offline, "--report", "-", *wanted]
        done = subprocess.run(command, capture_output=True, text=True, env=quiet, check=False)
        if done.returncode:
            return None
        return [item["download_info"]["url"] for item in json.loads(done.stdout)["install"]]

    missing: list[str] = []
    found = resolved(requirements)
    if found is None:  # one by one, so that one that cannot be had keeps none of the others back
        each = {requirement: resolved([requirement]) for requirement in requirements}
        missing = [requirement for requirement, urls in each.items() if urls is None]
        found = sorted({url for urls in each.values() for url in urls or ()})
    if found:
        command = [*pip, "install", *offline, "--no-deps", "--no-compile", "--upgrade", "--target", str(site), *found]
        subprocess.run(command, check=True, env=quiet)
    return missing


def needed() -> list[str]:
    """What the project needs, and its tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *FOR_TESTS]


def pack(folder: Path, data: Path, megabytes: float, python: str) -> None:
    from smkd_cli.data import find

    dataset = find("cifar100", data)
    dataset.verify()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "1").mkdir(parents=True)
    pack_wheels(folder / "1" / WHEELS, python)
    of_wheels = sum(path.stat().st_size for path in (folder / "1" / WHEELS).iterdir())
    count = pack_data(dataset.files(), data, folder, int(megabytes * 1e6), of_wheels)
    for number in range(1, count + 1):
        size = sum(path.stat().st_size for path in (folder / str(number)).rglob("*") if path.is_file())
        print(f"{folder / str(number)}\t{size / 1e6:.1f} MB")


def receive(folders: Sequence[Path], work: Path) -> None:
    for folder in folders:
        if (folder / WHEELS).is_dir():
            for requirement in install_wheels(folder / WHEELS, work / "site", needed()):
                print(f"missing here, and not among the wheels: {requirement}", file=sys.stderr)
    packages = sorted(re.sub(r"-[^-]*$", "", path.stem) for path in (work / "site").glob("*.dist-info"))
    print(f"installed beside what was here: {', '.join(packages) or 'nothing'}")
    print(receive_data(folders, work))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sender = commands.add_parser("pack")
    sender.add_argument("folder", type=Path)
    sender.add_argument("--data", type=Path, default=Path(os.environ.get("SMKD_DATA") or "data"))
    sender.add_argument("--megabytes", type=float, default=59.0, help="of a piece, at most")
    sender.add_argument("--python", default="3.12", help="version there")
    receiver = commands.add_parser("receive")
    receiver.add_argument("folders", type=Path, nargs="+")
    arguments = parser.parse_args()
    try:
        if arguments.command == "pack":
            pack(arguments.folder, arguments.data, arguments.megabytes, arguments.python)
        else:
            receive(arguments.folders, Path(os.environ["SMKD_GPU_WORK"]))
    except (ParcelError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
