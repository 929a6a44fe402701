"""What ``smkd eval`` does: a JSON record per checkpoint."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from smkd_cli import console
from smkd_cli.artifacts.files import write_text
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.errors import DataError
from smkd_cli.words import in_json, quoted, shown

_LONGEST_PATH = 1 << 16  # characters; systems take a few thousand
_BOM = "\ufeff"


def run(
    *,
    checkpoints: Sequence[str],
    split: Literal["test", "train"],
    output: str,
    device: str,
    data: Path,
    trust_code: bool = False,
) -> None:
    """Score run directories and lone ``.safetensors`` files; ``-`` reads paths from stdin, one a line.

    A run directory that has not finished is passed over with a warning.

    Raises:
        DataError: a checkpoint or its data is missing or damaged, or there is none to score.
        UsageError: a method is code in a file, and ``trust_code`` is not given.
    """
    # torch takes seconds to load: it does so once the first path is there, which in a pipeline is after training.
    records: list[str] = []
    evaluator: Any = None
    unfinished = 0
    for path in _paths(checkpoints):
        if RunDirectory(path).unfinished():
            console.warn(f"{shown(path)}: has not finished training and is passed over")
            unfinished += 1
            continue
        if evaluator is None:
            from smkd_cli.evaluate.evaluator import Evaluator

            evaluator = Evaluator(split, device, data, trust_code)
        record = evaluator.record(path)
        try:
            line = json.dumps(record, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise DataError(f"{shown(path)}: its scores are not finite: its training diverged") from error
        console.info(f"{shown(path)}: {record['mean']['top1']:.2f} %")
        if output == "-":
            console.emit(in_json(line))
        else:
            records.append(in_json(line) + "\n")
    if evaluator is None:
        reason = "no run has finished" if unfinished else "stdin held no path"
        raise DataError(f"no checkpoint to score: {reason}")
    if output != "-":
        write_text(Path(output), "".join(records))


def _paths(checkpoints: Sequence[str]) -> Iterator[Path]:
    for checkpoint in checkpoints:
        if checkpoint == "-":
            yield from _paths_on_stdin()
        else:
            yield Path(checkpoint)


def _paths_on_stdin() -> Iterator[Path]:
    lines = iter(lambda: sys.stdin.readline(_LONGEST_PATH + 1), "")
    for number, line in enumerate(lines, start=1):
        path = line.removeprefix(_BOM).strip()
        if len(line) > _LONGEST_PATH or "\0" in path:
            raise DataError(f"stdin, line {number}: {quoted(path)} is no path of a file")
        if path:
            yield Path(path)
