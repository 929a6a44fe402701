"""benchmarks/gpu.sh: what travels to a lent machine comes together there, and no step's results are lost."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPT = BENCHMARKS / "gpu.sh"


def module(name):
    """A file of the benchmarks, which are no package."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


parcel, steps = module("gpu_parcel"), module("gpu_steps")


def test_the_script_is_sound_and_says_how_it_is_called():
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    for words in ([], ["nothing"]):
        done = subprocess.run(["bash", SCRIPT, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stdout == ""
        for step in (*steps.STEPS, "pack", "receive", "all"):
            assert step in done.stderr


@pytest.mark.parametrize("name", ["gpu_parcel", "gpu_steps", "gpu_imports"])
def test_nothing_but_the_standard_library_is_needed_to_begin(name):
    """Isolated, and without packages: as on a machine that lacks them."""
    done = subprocess.run(
        [sys.executable, "-ISs", BENCHMARKS / f"{name}.py", "--help"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


# What travels


@pytest.fixture
def packed(tmp_path):
    """Three files in pieces of 1,000 bytes, the first with room for 300 beside it."""
    root = tmp_path / "data"
    (root / "inner").mkdir(parents=True)
    files = [root / "a", root / "inner" / "b", root / "inner" / "c"]
    for number, path in enumerate(files):
        path.write_bytes(os.urandom(1200) * number)
    count = parcel.pack_data(files, root, tmp_path / "parcel", 1000, 300)
    return root, [tmp_path / "parcel" / str(number) for number in range(1, count + 1)]


def sizes(folders):
    return [sum(path.stat().st_size for path in folder.glob(f"{parcel.ARCHIVE}*")) for folder in folders]


def test_data_goes_there_in_pieces_and_comes_together_in_any_order(packed, tmp_path):
    root, folders = packed
    assert len(folders) > 2
    assert sizes(folders)[0] == 700
    assert max(sizes(folders)) == 1000
    assert not (tmp_path / "parcel" / parcel.ARCHIVE).exists()
    work = tmp_path / "work"
    for number, folder in enumerate(reversed(folders[1:]), start=1):
        assert parcel.receive_data([folder], work) == f"{number} of {len(folders)} pieces of data are here"
        assert not (work / "data").exists()
    for _ in range(2):  # what is there already is left as it is
        assert parcel.receive_data([folders[0]], work) == f"the data is in {work / 'data'}"
        for path in root.rglob("*"):
            if path.is_file():
                assert (work / "data" / path.relative_to(root)).read_bytes() == path.read_bytes()
        assert sorted(path.name for path in work.iterdir()) == ["data", "pieces"]


def test_a_piece_that_was_damaged_on_its_way_is_refused_and_can_come_again(packed, tmp_path):
    _, folders = packed
    piece = folders[1] / f"{parcel.ARCHIVE}.2"
    whole = piece.read_bytes()
    piece.write_bytes(whole[:-1])
    with pytest.raises(parcel.ParcelError, match="damaged on its way"):
        parcel.receive_data(folders, tmp_path / "work")
    piece.write_bytes(whole)
    parcel.receive_data(folders, tmp_path / "work")
    assert (tmp_path / "work" / "data" / "inner" / "c").exists()


def test_pieces_of_two_parcels_are_not_mixed(packed, tmp_path):
    _, folders = packed
    parcel.receive_data(folders[:1], tmp_path / "work")
    manifest = folders[1] / parcel.MANIFEST
    manifest.write_text(manifest.read_text().replace("pieces", "pieces ", 1))
    with pytest.raises(parcel.ParcelError, match="of another parcel"):
        parcel.receive_data(folders[1:], tmp_path / "work")
    with pytest.raises(parcel.ParcelError, match="no piece of a parcel"):
        parcel.receive_data([tmp_path], tmp_path / "work")


def test_an_error_is_one_line(tmp_path):
    environment = {**os.environ, "PYTHON": sys.executable, "SMKD_GPU_WORK": str(tmp_path / "work")}
    done = subprocess.run(
        ["bash", SCRIPT, "receive", tmp_path / "nothing"], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")


def wheel(folder, name, version):
    folder.mkdir(exist_ok=True)
    about = f"{name}-{version}.dist-info"
    content = {
        f"{name}.py": f"VERSION = '{version}'\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)


@pytest.mark.slow
def test_wheels_give_what_is_missing_and_leave_what_is_there(tmp_path):
    wheel(tmp_path / "wheels", "made_up_for_smkd", "1.5")
    wheel(tmp_path / "wheels", "pytest", "99.0")
    wanted = ["made-up-for-smkd>=1", "pytest>=8", "not-to-be-had-for-smkd"]
    missing = parcel.install_wheels(tmp_path / "wheels", tmp_path / "site", wanted)
    assert missing == ["not-to-be-had-for-smkd"]
    installed = sorted(path.name for path in (tmp_path / "site").iterdir())
    assert installed == ["made_up_for_smkd-1.5.dist-info", "made_up_for_smkd.py"]


def test_what_is_needed_is_what_the_project_says():
    names = {requirement.partition(">=")[0] for requirement in parcel.needed()}
    assert {"torch", "pydantic", "typer", "safetensors", "pytest", "hypothesis"} <= names


# The steps


@pytest.fixture
def workspace(tmp_path):
    ledger = tmp_path / "ledgers" / "ledger.yaml"
    ledger.parent.mkdir()
    ledger.write_text("results: ../committed\nlines: []\n")
    return lambda: steps.Workspace(tmp_path / "work", tmp_path / "out", ledger)


def part(tmp_path, name, code="", seconds=60.0, **more):
    """A part that writes its name into a list, and then does something."""
    noted = f"open({str(tmp_path / 'list')!r}, 'a').write({name + ' '!r}); "
    return steps.Part(name, name, [sys.executable, "-c", noted + code], seconds, **more)


def steps_done(tmp_path):
    return (tmp_path / "list").read_text().split()


def test_steps_are_done_in_order_once_and_the_failed_one_comes_last_and_not_for_ever(tmp_path, workspace):
    parts = [part(tmp_path, "a"), part(tmp_path, "b", "raise SystemExit(3)"), part(tmp_path, "c")]
    assert steps.run(parts, workspace(), 600) == 1
    assert steps_done(tmp_path) == ["a", "b", "c"]
    parts.append(part(tmp_path, "d"))
    assert steps.run(parts, workspace(), 600) == 1
    assert steps_done(tmp_path)[3:] == ["d", "b"]
    assert steps.run(parts, workspace(), 600) == 0
    assert steps_done(tmp_path)[5:] == []
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert {name: (about["done"], about["end"]) for name, about in summary.items()} == {
        "a": (True, "done"),
        "b": (False, "exit code 3"),
        "c": (True, "done"),
        "d": (True, "done"),
    }


def test_a_step_that_hangs_is_ended_and_the_next_is_done(tmp_path, workspace):
    slow = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    start = time.monotonic()
    assert steps.run([part(tmp_path, "slow", slow, 1.0), part(tmp_path, "next")], workspace(), 600) == 1
    assert time.monotonic() - start < 30
    assert steps_done(tmp_path) == ["slow", "next"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["slow"]["end"] == "time is over"


def test_nothing_is_begun_that_there_is_no_time_or_no_data_for(tmp_path, workspace, capsys):
    parts = [
        part(tmp_path, "long"),
        part(tmp_path, "waiting", needs=tmp_path / "data"),
        part(tmp_path, "short", "", 5.0),
    ]
    steps.run(parts, workspace(), 39)
    assert steps_done(tmp_path) == ["short"]
    steps.run(parts[1:], workspace(), 600)
    assert f"waiting: waits for {tmp_path / 'data'}" in capsys.readouterr().out
    (tmp_path / "data").mkdir()
    steps.run(parts[1:], workspace(), 600)
    assert steps_done(tmp_path) == ["short", "waiting"]


def test_what_has_no_end_goes_on_each_time_and_knows_its_minutes(tmp_path, workspace):
    code = f"import sys; open({str(tmp_path / 'minutes')!r}, 'a').write(sys.argv[1] + ' ')"
    endless = part(tmp_path, "cells", code, 86_400, endless=True)
    endless = steps.Part(endless.name, "cells", [*endless.words, "{minutes}"], 86_400, endless=True)
    for _ in range(3):
        assert steps.run([endless], workspace(), 80) == 0
    assert steps_done(tmp_path) == ["cells"] * 3
    assert workspace().state["cells"]["end"] == "goes on next time"
    assert all(0.9 < float(minutes) <= 1 for minutes in (tmp_path / "minutes").read_text().split())


def test_figures_of_a_step_come_together_even_if_one_of_its_parts_fails(tmp_path, workspace):
    here = workspace()
    (here.work / "figures").mkdir()
    written = [here.work / "figures" / f"headline-{name}.json" for name in "ab"]
    report = {"machine": {"gpu": "NVIDIA Made-up 80GB"}, "cases": [{"case": "x"}]}
    codes = [f"open({str(path)!r}, 'w').write({json.dumps(report)!r})" for path in written]
    codes.append("raise SystemExit(1)")
    made = [part(tmp_path, f"p{number}", code, json=Path("x")) for number, code in enumerate(codes)]
    made = [steps.Part(one.name, "headline", one.words, one.seconds, one.json) for one in made]
    assert steps.run(made, here, 600) == 1
    came = json.loads((tmp_path / "out" / "step-nvidia-made-up-80gb.json").read_text())
    assert came == {"machine": report["machine"], "cases": report["cases"] * 2}


def test_what_a_command_was_writing_when_its_time_was_over_spoils_nothing(tmp_path, workspace):
    here = workspace()
    (here.work / "figures").mkdir()
    report = json.dumps({"machine": {"gpu": "GPU"}, "cases": [{"case": "x"}]})
    codes = {}
    for name, cut in (("a", len(report)), ("b", len(report) // 2)):
        codes[name] = f"open({str(here.work / 'figures' / f'headline-{name}.json')!r}, 'w').write({report[:cut]!r}); "
    for name, text in (("imports.json", '{"torch": '), ("tests.xml", "<testsuites><testsuite")):
        codes["b"] += f"open({str(here.results / name)!r}, 'w').write({text!r}); "
    (here.cells / "torn").mkdir(parents=True)
    for folder in ("torn", "whole"):
        codes["b"] += f"import os; os.makedirs({str(here.cells / folder)!r}, exist_ok=True); "
        codes["b"] += f"open({str(here.cells / folder / 'metrics.csv')!r}, 'w').write('epoch,l'); "
    codes["b"] += f"open({str(here.cells / 'whole' / 'result.json')!r}, 'w').write('{{}}'); "
    codes["b"] += "print('in the middle', flush=True); import time; time.sleep(600)"
    made = [part(tmp_path, name, code, 3.0 if name == "b" else 60.0, json=Path("x")) for name, code in codes.items()]
    made = [steps.Part(one.name, "headline", one.words, one.seconds, one.json) for one in made]
    assert steps.run([*made, part(tmp_path, "next")], here, 600) == 1
    assert steps_done(tmp_path) == ["a", "b", "next"]
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["cells.tar.gz", "log.txt", "step-gpu.json", "summary.json"]
    assert json.loads((out / "step-gpu.json").read_text()) == json.loads(report)
    with tarfile.open(out / "cells.tar.gz") as tar:
        assert {member.name.split("/")[3] for member in tar} == {"whole"}
    summary = json.loads((out / "summary.json").read_text())
    assert {name: about["end"] for name, about in summary.items()} == {
        "a": "done",
        "b": "time is over",
        "next": "done",
    }
    assert "in the middle" in (out / "log.txt").read_text()
    (here.results / "imports.json").write_text('{"torch": "2"}')  # by the next try
    steps.run([part(tmp_path, "last")], here, 600)
    assert json.loads((out / "imports.json").read_text()) == {"torch": "2"}


def test_new_cells_come_back_as_an_archive_for_the_project_s_root(tmp_path, workspace):
    here = workspace()
    assert here.cells == tmp_path / "work" / "cells" / "committed"
    for folder in (
        tmp_path / "committed" / "table1" / "old",
        here.cells / "table1" / "old",
        here.cells / "table1" / "ne+w",
    ):
        folder.mkdir(parents=True)
        (folder / "result.json").write_text("{}")
    (here.cells / "table1" / "unfinished").mkdir()
    here.publish()
    with tarfile.open(tmp_path / "out" / "cells.tar.gz") as tar:
        files = [member.name for member in tar if member.isfile()]
    assert files == ["benchmarks/results/committed/table1/ne+w/result.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells.tar.gz"]


def test_few_files_come_back_with_plain_names(tmp_path, workspace):
    """Such a machine may send a handful of files only."""
    made = steps.parts(workspace(), "cuda", False, "1")
    assert [part.step for part in made] == sorted((part.step for part in made), key=steps.STEPS.index)
    assert {part.step for part in made} == set(steps.STEPS)
    assert all(part.seconds <= 540 for part in made if not part.endless)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_whoever_stops_it_finds_what_was_done(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nsys.path.insert(0, sys.argv.pop(1))\nimport gpu_steps as g\ng._PUBLISHED_EVERY = 0.05\n"
        "word = [sys.executable, '-c']\n"
        "g.parts = lambda workspace, *_: [g.Part('a', 'imports', [*word, 'print(1)'], 60),"
        " g.Part('b', 'tests', [*word, 'import os, time; print(\"begun\", os.getpid(), flush=True); time.sleep(600)'],"
        " 60)]\n"
        "sys.exit(g.main())\n"
    )
    environment = {**os.environ, "SMKD_GPU_WORK": str(tmp_path / "work"), "SMKD_GPU_REHEARSAL": "1"}
    words = [sys.executable, script, BENCHMARKS, "all", "--out", tmp_path / "out"]
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True, env=environment)
    log = tmp_path / "out" / "log.txt"
    until = time.monotonic() + 60
    while not (log.exists() and re.search(r"begun \d+\n", log.read_text())):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=60)
    begun = int(re.search(r"begun (\d+)", log.read_text())[1])
    while Path(f"/proc/{begun}/status").exists() and "(zombie)" not in Path(f"/proc/{begun}/status").read_text():
        assert time.monotonic() < until, "it still holds the device"
        time.sleep(0.02)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["a"]["done"], summary["b"]["end"]) == (True, "killed")
