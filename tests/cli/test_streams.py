"""Closed, full and broken standard streams, and what a locale does not show: the work is done, the data is right."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses what Linux has in /dev and /proc")
PROGRAM = f"{sys.executable} -m smkd_cli"
RECIPE = """\
schema: smkd/recipe/1
name: tiny
dataset: digits
networks: small_resnet
methods: [CE]
noise: [{kind: symmetric, rate: 0.4}]
seeds: [1, 2]
epochs: 1
compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn}
"""


@pytest.fixture
def bash(tmp_path):
    """Run a line of bash in an empty folder; ``SMKD`` in it is the program, ``WARM`` the one that has loaded torch."""
    (tmp_path / "tiny.yaml").write_text(RECIPE)

    def run(line, **environment):
        return subprocess.run(
            ["bash", "-c", line.replace("SMKD", PROGRAM).replace("WARM", str(warm.program()))],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | environment,
        )

    return run


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("closed", CLOSED)
def test_words_never_get_into_data_when_streams_are_closed(bash, tmp_path, closed):
    # It writes data on stdout and a table for people on stderr.
    result = bash(f"SMKD corrupt -o - {closed}; code=$?; [ $code = 0 ] && SMKD corrupt -o m.csv {closed}")
    assert result.returncode == 0, result.stderr
    written = (tmp_path / "m.csv").read_bytes()
    assert written.startswith(b"# schema: smkd/manifest/3\n")
    assert result.stdout == (b"" if ">&- " in f"{closed} ".replace("2>&-", "") else written + b"m.csv\n")
    assert (b"symmetric" in result.stderr) == ("2>&-" not in closed)
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("--help", 0),
        ("--version", 0),
        ("nonsense", 2),
        ("recipes ls", 0),
        ("recipes show table1", 0),
        ("recipes validate -", 3),
        ("methods show CE", 0),
        ("datasets ls", 0),
        ("train - --dry-run", 3),
        ("train tiny.yaml --dry-run", 0),
        ("eval -", 4),
        ("report", 0),
        ("report -", 4),
    ],
)
def test_every_command_bears_closed_streams(bash, command, code):
    assert bash(f"SMKD {command} <&- >&- 2>&-").returncode == code
    result = bash(f"SMKD {command} <&-")
    assert result.returncode == code
    assert b"Traceback" not in result.stderr
    assert b"AttributeError" not in result.stderr


@pytest.mark.parametrize(
    ("program", "jobs", "words"), [("WARM", 1, "2>/dev/full"), ("SMKD", 2, "2>&-"), ("WARM", 2, "2> >(true)")]
)
def test_training_goes_on_when_stderr_is_closed(bash, tmp_path, program, jobs, words):
    result = bash(f"{program} train tiny.yaml --device cpu --jobs {jobs} {words}")
    assert result.returncode == 0
    assert sorted(result.stdout.decode().split()) == [f"runs/tiny/ce_symmetric-0.4_seed{seed}" for seed in (1, 2)]
    assert len(list(tmp_path.rglob("result.json"))) == 2


def test_training_goes_on_when_its_terminal_has_gone(bash, tmp_path):
    (tmp_path / "long.yaml").write_text(RECIPE.replace("epochs: 1", "epochs: 12").replace("[1, 2]", "[1]"))
    ours, theirs = pty.openpty()
    command = [warm.program(), "train", "long.yaml", "--jobs", "1", "--device", "cpu"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, cwd=tmp_path, env=os.environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    assert os.read(ours, 1)  # the display has begun
    os.close(ours)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert out == b"runs/tiny/ce_symmetric-0.4_seed1\n"


@pytest.mark.parametrize("command", ["--help", "--version", "recipes ls", "report", "corrupt -o -"])
def test_a_full_disk_under_stdout_is_an_error(bash, command):
    result = bash(f"SMKD {command} >/dev/full")
    assert result.returncode == 4
    assert b"error: stdout: cannot be written: No space left on device" in result.stderr
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("command", "code"), [("--help", 0), ("--version", 0), ("train --help", 0), ("recipes ls", 141), ("report", 141)]
)
def test_a_reader_of_stdout_that_closes_it_gets_no_error(bash, command, code):
    result = bash(f"SMKD {command} | true; exit ${{PIPESTATUS[0]}}")
    assert result.returncode == code
    assert b"rror" not in result.stderr
    if code == 0:
        assert bash(f"set -o pipefail; SMKD {command} | head -1").returncode == 0


def test_a_pipe_that_somebody_made_non_blocking_gets_all_data(bash, tmp_path):
    whole = bash("SMKD corrupt -o -").stdout
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(theirs, False)
    full = os.write(theirs, bytes(1 << 20))
    command = [sys.executable, "-m", "smkd_cli", "corrupt", "-q", "-o", "-"]
    with subprocess.Popen(command, stdout=theirs, cwd=tmp_path) as process:
        os.close(theirs)
        with io.FileIO(ours) as reader:
            content = reader.readall()
    assert process.returncode == 0
    assert content[full:] == whole


LOCALES = [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "latin-1:strict"}]


@pytest.mark.parametrize("locale", LOCALES, ids=["C", "latin-1"])
def test_data_is_utf_8_whatever_the_locale(bash, tmp_path, locale):
    plain = bash("SMKD report --format markdown").stdout
    assert "η" in plain.decode()
    result = bash("SMKD report --format markdown", **locale)
    assert (result.returncode, result.stdout) == (0, plain)
    (tmp_path / "labels.csv").write_text("label,image\n0,é\n1,日本\n", encoding="utf-8")
    for line in (
        "SMKD corrupt --labels labels.csv --kind given -o -",
        "SMKD corrupt --labels - --kind given -o - <labels.csv",
    ):
        given = bash(line, **locale)
        assert given.returncode == 0, given.stderr
        assert "é" in given.stdout.decode()
        assert "日本" in given.stdout.decode()


@pytest.mark.parametrize("locale", LOCALES, ids=["C", "latin-1"])
def test_words_escape_what_a_locale_cannot_show(bash, locale):
    result = bash("SMKD recipes show 日本 2>&1", **locale)
    assert result.returncode == 3
    assert b"unknown recipe" in result.stdout
    assert b"UnicodeEncodeError" not in result.stdout


def test_a_path_that_is_no_text_comes_through_a_pipe_as_it_is(bash, tmp_path):
    (tmp_path / os.fsdecode(b"\xff")).mkdir()
    result = bash("for f in */; do SMKD recipes copy table1 $f; done | tail -1 | xargs SMKD recipes validate")
    assert result.returncode == 0, result.stderr


def test_a_link_given_as_output_stays_one(bash, tmp_path):
    (tmp_path / "link.csv").symlink_to("target.csv")
    assert bash("SMKD corrupt -o link.csv").returncode == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "target.csv").read_bytes().startswith(b"# schema")
    assert bash("SMKD corrupt -o /dev/stdout | cat").stdout.startswith(b"# schema")
    assert Path("/dev/stdout").is_symlink()


PRESSED = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
SWALLOWED = """\
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    len("")
except KeyboardInterrupt:
    raise ImportError("half loaded") from None
"""


# Where Python cannot raise, it says so and goes on; the signal then comes once more.
UNRAISABLE = """\
import os, signal, time
class Held:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        len("")
Held()
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("module", "text", "command", "code"),
    [
        ("typer", PRESSED, "recipes ls", -signal.SIGINT),
        ("yaml", PRESSED, "recipes ls", 130),
        ("yaml", UNRAISABLE, "recipes ls", 130),
        ("torch", PRESSED, "train tiny.yaml --jobs 1", 130),
        ("torch", SWALLOWED, "train tiny.yaml --jobs 1", 130),
        ("pandas", SWALLOWED, "corrupt --labels labels.csv --kind given", 130),
    ],
)
def test_ctrl_c_while_modules_load_shows_no_traceback(bash, tmp_path, module, text, command, code):
    (tmp_path / "labels.csv").write_text("label\n0\n1\n")
    (tmp_path / "stubs").mkdir()
    (tmp_path / "stubs" / f"{module}.py").write_text(text)
    paths = [str(tmp_path / "stubs"), str(Path(__file__).parents[2])]
    result = subprocess.run(
        [sys.executable, "-m", "smkd_cli", *command.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert result.returncode == code
    assert result.stderr == ("" if code < 0 else "interrupted\n")


# Stops where a file is half-written, and says so.
SLOW_DISK = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
def stop(_handle):
    os.write(1, b"writing\\n")
    time.sleep(60)
os.fsync = stop
from smkd_cli.__main__ import main
main()
"""
MANIFEST = """\
# schema: smkd/manifest/2
# dataset: digits
# split: train
# classes: 2
# samples: 2
# kind: given
# rate:
# seed:
# sampling:
# transition_matrix:
index,image,clean_label,noisy_label
0,,,0
1,,,1
"""


RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "quickstart"
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    "command",
    ["train quickstart --manifest -", "corrupt --labels - -o out.csv", f"report {RESULTS} --format csv -o out.csv"],
)
def test_a_signal_outside_of_training_leaves_nothing_behind(tmp_path, number, command):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_DISK, *command.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        process.stdin.write(MANIFEST if "--manifest" in command else "label\n0\n1\n")
        process.stdin.close()
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        words = process.stderr.read()
    assert process.returncode == 128 + number
    assert words.splitlines()[-1] == ("interrupted" if number == signal.SIGINT else f"stopped by {number.name}")
    assert list(scratch.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("command", ["eval - -o out.jsonl", "report - -o out.md"])
def test_a_signal_to_a_command_that_waits_for_paths_ends_it(tmp_path, number, command):
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "recipe.yaml").touch()
    script = "print('ready', flush=True)\nfrom smkd_cli.__main__ import main\nmain()"
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_DISK if command.startswith("eval") else script, *command.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        if command.startswith("eval"):
            process.stdin.write("begun\n")
            process.stdin.flush()
            assert "has not finished training" in process.stderr.readline()
        else:
            _wait_until_it_reads(process)
        process.send_signal(number)
        words = process.stderr.read()
        process.stdin.close()
    assert process.returncode == 128 + number
    assert words.splitlines()[-1] == ("interrupted" if number == signal.SIGINT else f"stopped by {number.name}")
    assert "Traceback" not in words
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]


def _wait_until_it_reads(process):
    """Wait until a process sleeps in a read of its standard input."""
    assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + 60
    while not Path(f"/proc/{process.pid}/wchan").read_text().endswith("pipe_read"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("command", ["corrupt --labels - -o out.csv", f"report {RESULTS} --format csv -o out.csv"])
def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path, bash, command):
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_DISK, *command.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        process.stdin.write("label\n0\n1\n")
        process.stdin.close()
        assert process.stdout.readline() == "writing\n"
        (left,) = tmp_path.glob(".out.csv.*.part")
        os.utime(left, (0, 0))
        assert bash(f"printf 'label\\n0\\n1\\n' | WARM {command}").returncode == 0
        assert left.exists()  # another command is writing it
        process.kill()
    others = [tmp_path / ".out.csv.x.abcdefgh.part", tmp_path / ".out.csv.part", tmp_path / ".other.csv.abcdefgh.part"]
    for other in others:
        other.touch()
        os.utime(other, (0, 0))
    assert bash(f"printf 'label\\n0\\n1\\n' | WARM {command}").returncode == 0
    assert not left.exists()
    assert all(other.exists() for other in others)
