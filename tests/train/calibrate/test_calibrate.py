"""How a machine is measured: what is tried, what is taken, and what is cached."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from data_sets import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.data import find
from smkd_cli.errors import InterruptedRunError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.calibrate import bench, choose, choose_compute, store, trial
from smkd_cli.train.calibrate.requests import BestSpeed, FreeMemory, MatrixPeak
from smkd_cli.train.calibrate.search import search
from smkd_cli.train.machine.compute import ComputeConfig, cores, first_choice
from smkd_cli.train.machine.signals import SIGNALS, StopRequest
from smkd_cli.train.step.pair import Pair

CPU = ComputeConfig("cpu", 8, "float32", "channels_last", "in_turn", "eager")
CUDA = ComputeConfig("cuda", 8, "bfloat16", "channels_last", "in_turn", "captured")
CELL = Path("runs/tiny/smkd-p+mylc_symmetric-0.4_seed1")
OPEN = "compute={threads: auto}"
DIGITS = find("digits", DATA)
KIND = trial.ImageKind(DIGITS.image_shape, DIGITS.classes)


@pytest.fixture
def with_compute(recipe):
    """The tiny recipe with this compute section."""
    return lambda text: load_recipe(str(recipe), [f"compute={{{text}}}"], data=DATA)


def speeds(table):
    """A machine where a configuration's speed is the product of its parts' speeds; one with a None does not run."""

    def speed(compute):
        factors = [table.get(value, 1.0) for value in (getattr(compute, part) for part in table["parts"])]
        return None if None in factors else 100.0 * float(torch.tensor(factors).prod())

    return speed


def machine(**factors):
    parts = ("step", "peers", "threads", "memory_format", "precision")
    return speeds({"parts": parts, **factors})


def test_the_fastest_of_each_part_is_taken(with_compute):
    fast = {"side_by_side": 1.5, 8: 1.0, 4: 1.2, 2: 0.9, "contiguous": 1.1, "bfloat16": 1.2}
    best = search(CPU, with_compute("threads: auto"), speeds({"parts": ("peers", "threads", "memory_format"), **fast}))
    assert best == replace(CPU, peers="side_by_side", threads=4, memory_format="contiguous")


@pytest.mark.parametrize(("gain", "taken"), [(1.2, "float32"), (1.3, "bfloat16")])
def test_less_precision_must_be_well_worth_it(with_compute, gain, taken):
    assert search(CPU, with_compute("threads: 8"), machine(bfloat16=gain)).precision == taken


@pytest.mark.parametrize(("cost", "taken"), [(0.9, "bfloat16"), (0.97, "tf32")])
def test_more_precision_may_cost_a_little(with_compute, cost, taken):
    assert search(CUDA, with_compute("threads: 8"), machine(tf32=cost)).precision == taken


def test_what_does_not_run_is_not_taken(with_compute):
    assert search(CUDA, with_compute("threads: auto"), machine(captured=None)).step == "compiled"
    assert search(CPU, with_compute("threads: auto"), lambda compute: None) == CPU


@pytest.mark.parametrize(("compute", "step"), [("threads: 8", "compiled"), ("deterministic: true", "captured")])
def test_compiling_is_tried_last_on_a_gpu_and_not_where_bits_count(with_compute, compute, step):
    tried, undisturbed = [], machine(compiled=1.2, side_by_side=1.1)

    def speed(compute):
        tried.append(compute)
        return undisturbed(compute)

    recipe = with_compute(compute)
    best = search(first_choice(recipe, "cuda"), recipe, speed)
    assert (best.step, best.peers) == (step, "side_by_side")
    assert "eager" not in {compute.step for compute in tried}
    first_compiled = next((number for number, compute in enumerate(tried) if compute.step == "compiled"), len(tried))
    assert {compute.peers for compute in tried[first_compiled:]} <= {"side_by_side"}


@pytest.mark.parametrize("off", [0.6, 1.6])
@pytest.mark.parametrize("which", range(11))
def test_one_measurement_far_off_changes_nothing(with_compute, off, which):
    undisturbed, asked = machine(side_by_side=1.1), iter(range(100))

    def speed(compute):
        return undisturbed(compute) * (off if next(asked) == which else 1.0)

    best = search(CPU, with_compute("threads: 8, precision: float32"), speed)
    assert best == replace(CPU, peers="side_by_side")


def test_a_machine_that_slows_down_changes_nothing(with_compute):
    undisturbed, factor = machine(contiguous=1.1, side_by_side=0.9), 1.0

    def speed(compute):
        nonlocal factor
        factor *= 0.98
        return factor * undisturbed(compute)

    assert search(CPU, with_compute("threads: 8"), speed) == replace(CPU, memory_format="contiguous")


def test_noise_changes_nothing(with_compute):
    assert search(CPU, with_compute("threads: auto"), machine(side_by_side=1.02, contiguous=1.01)) == CPU


@given(
    fixed=st.fixed_dictionaries(
        {},
        optional={
            "threads": st.integers(1, 16),
            "precision": st.sampled_from(["float32", "bfloat16"]),
            "memory_format": st.sampled_from(["channels_last", "contiguous"]),
            "peers": st.sampled_from(["in_turn", "side_by_side"]),
        },
    ),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_what_a_recipe_fixes_is_never_changed(fixed, seed):
    recipe = load_recipe("quickstart", [f"compute={json.dumps(fixed)}"], data=DATA)
    first = first_choice(recipe, "cpu")
    random = torch.Generator().manual_seed(seed)
    best = search(first, recipe, lambda compute: torch.rand((), generator=random).item())
    for part, value in fixed.items():
        alone = part == "peers" and best.threads == 1  # one thread serves one peer at a time
        assert getattr(best, part) == ("in_turn" if alone else value)
    assert 1 <= best.threads <= first.threads
    assert best.threads >= 2 or best.peers == "in_turn"


def measured(recipe):
    with bench.benches() as processes:
        return choose_compute(recipe, DIGITS, torch.device("cpu"), processes)


def rename_as_in_version_1(cache):
    text = cache.read_text()
    assert '"schema": "smkd/calibration/2"' in text
    cache.write_text(text.replace("calibration/2", "calibration/1").replace('"chosen"', '"setup"'))


def test_a_machine_is_measured_once(recipe, monkeypatch, tmp_path):
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "cache"))
    (cell,) = expand(load_recipe(str(recipe), ["compute={threads: 1, precision: float32}"], data=DATA))
    compute = measured(cell.recipe)
    assert compute.device == "cpu"
    assert 1 <= compute.threads <= cores()
    assert compute.matrix_peak > 1e8
    peak, entry = json.loads((tmp_path / "cache" / "calibration.json").read_text())["entries"].values()
    assert entry["chosen"] == compute.record()
    assert peak["matrix_peak"] == compute.matrix_peak
    assert all(tried["images_per_second"] > 0 for tried in entry["tried"])

    def never(*_arguments):
        raise AssertionError("measured again")

    monkeypatch.setattr(bench.Bench, "measure", never)
    assert measured(cell.recipe) == compute
    rename_as_in_version_1(tmp_path / "cache" / "calibration.json")
    assert measured(cell.recipe) == compute
    other = cell.recipe.model_copy(update={"batch_size": 32})
    with pytest.raises(AssertionError, match="measured again"):
        measured(other)


@pytest.fixture
def made_ready(with_compute, monkeypatch, tmp_path):
    """The configuration that is chosen, and every configuration in the order in which a process got ready for it."""
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path))
    monkeypatch.setattr("smkd_cli.train.machine.compute.cores", lambda: 4)
    monkeypatch.setattr(choose, "device_name", lambda device: "a device")

    def of(device, speed, free=0.0):
        made = []

        class Process:
            failure = None

            def __init__(self):
                self.ready_for = None

            def measure(self, request):
                if isinstance(request, BestSpeed):
                    compute = request.compute
                    if compute != self.ready_for:
                        made.append(compute)
                        self.ready_for = compute
                    return speed(compute)
                return free if isinstance(request, FreeMemory) else 1e9

        everyone = [Process() for _ in range(4)]
        benches = SimpleNamespace(take=lambda count: everyone[:count])
        return choose_compute(with_compute("threads: auto"), DIGITS, torch.device(device), benches), made

    return of


def test_the_peak_of_the_machine_is_measured_once_for_all_networks(with_compute, monkeypatch, tmp_path):
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path))
    requests = []

    class Process:
        failure = None

        def measure(self, request):
            requests.append(request)
            return 1e9 * len(requests)

    benches = SimpleNamespace(take=lambda count: [Process() for _ in range(count)])
    recipe = with_compute("threads: 1, precision: float32, memory_format: channels_last")
    peaks = {}
    for size, threads in ((64, 1), (32, 1), (16, 2)):
        compute = recipe.compute.model_copy(update={"threads": threads, "peers": "in_turn"})
        one = recipe.model_copy(update={"batch_size": size, "compute": compute})
        peaks[size] = choose_compute(one, DIGITS, torch.device("cpu"), benches).matrix_peak
    assert peaks == {64: 1e9, 32: 1e9, 16: 2e9}
    (tmp_path / "calibration.json").write_text((tmp_path / "calibration.json").read_text().replace("000.0", "000e999"))
    other = recipe.model_copy(update={"batch_size": 8})
    assert choose_compute(other, DIGITS, torch.device("cpu"), benches).matrix_peak == 3e9


@pytest.mark.parametrize("side_by_side", [0.9, 1.5])
def test_a_processor_gets_each_configuration_ready_once(made_ready, side_by_side):
    compute, made = made_ready("cpu", machine(side_by_side=side_by_side))
    assert compute.peers == ("side_by_side" if side_by_side > 1 else "in_turn")
    assert len(made) == len(set(made)) > 1


@pytest.mark.parametrize(("free", "times"), [(10.0, 5), (0.5, 15)])
def test_a_gpu_with_memory_for_two_gets_each_configuration_ready_once(made_ready, free, times):
    compute, made = made_ready("cuda", machine(side_by_side=1.1, compiled=1.2, contiguous=0.9, tf32=0.6), free)
    assert (compute.precision, compute.peers, compute.step) == ("bfloat16", "side_by_side", "compiled")
    assert (len(set(made)), len(made)) == (5, times)


OTHERS = ["[" * 100_000, '{"schema": "smkd/calibration/1", "entries": {"key": [1]}}']


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "other"}', '{"schema": "smkd/calibration/1"}', *OTHERS])
def test_a_damaged_memory_is_as_good_as_none(monkeypatch, tmp_path, content):
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path))
    (tmp_path / "calibration.json").write_text(content)
    assert store.load("key") is None
    store.save("key", {"jobs": 2})
    store.save("key", {"more": 3})
    assert store.load("key") == {"jobs": 2, "more": 3}


@pytest.mark.skipif(sys.platform != "linux", reason="uses /dev")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_an_endless_memory_is_as_good_as_none(monkeypatch, tmp_path, device):
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path))
    (tmp_path / "calibration.json").symlink_to(device)
    assert store.load("key") is None


def test_without_a_home_nothing_is_cached(monkeypatch, caplog):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SMKD_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert store.load("key") is None
    store.save("key", {"jobs": 2})
    assert "the machine will be measured again next time" in caplog.text


@pytest.mark.parametrize("record", [None, [], {}, {"device": "cpu"}, CPU.record() | {"threads": "many"}])
def test_a_record_that_is_not_valid_is_measured_again(record):
    assert ComputeConfig.from_record(record) is None
    assert ComputeConfig.from_record(CPU.record() | {"more": 1}) == CPU


def test_where_nothing_can_be_cached_training_goes_on(smkd, recipe, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "file"))
    result = smkd("train", recipe, "--set", "epochs=1")
    assert result.code == 0, result.err
    assert "measured again next time" in result.err


def test_a_process_that_dies_answers_with_none(with_compute):
    recipe = with_compute("threads: 1")
    with bench.benches() as made:
        (process,) = made.take(1)
        assert process.measure(BestSpeed(recipe, KIND, replace(CPU, threads=1, device="nowhere"), 0.01)) is None
        assert "nowhere" in process.failure
        assert process.measure(BestSpeed(recipe, KIND, replace(CPU, threads=1), 0.01)) > 0
        process._process.kill()
        assert process.measure(BestSpeed(recipe, KIND, replace(CPU, threads=1), 0.01)) is None
        assert process.measure(MatrixPeak(replace(CPU, threads=1))) > 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_to_a_measuring_process_does_not_make_a_configuration_one_that_cannot_run(with_compute, number):
    recipe = with_compute("threads: 1")
    with bench.benches() as made:
        (process,) = made.take(1)
        assert process.measure(BestSpeed(recipe, KIND, replace(CPU, threads=1), 0.01)) > 0
        os.kill(process._process.pid, number)
        assert process.measure(BestSpeed(recipe, KIND, replace(CPU, threads=1), 0.01)) > 0


def test_a_signal_that_comes_when_a_measuring_process_dies_is_handled(with_compute):
    stop = StopRequest()
    with bench.benches(stop) as made:
        (process,) = made.take(1)
        assert process.measure(MatrixPeak(replace(CPU, threads=1))) > 0
        process._process.kill()
        process._process.join()
        stop.signal_number = signal.SIGTERM
        with pytest.raises(InterruptedRunError):
            process.measure(MatrixPeak(replace(CPU, threads=1)))


def test_a_measuring_process_that_cannot_start_answers_with_none(with_compute, monkeypatch):
    def impossible(work):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("smkd_cli.train.machine.processes._start", impossible)
    with bench.benches() as made:
        (process,) = made.take(1)
        assert process.measure(MatrixPeak(replace(CPU, threads=1))) is None
        assert "Resource temporarily unavailable" in process.failure


def test_a_configuration_that_falls_back_to_another_is_not_measured_as_itself(with_compute, monkeypatch):
    compute = replace(CPU, threads=1)
    made = trial.prepare_trial(with_compute("threads: 1"), KIND, compute)
    assert trial.steady_speed(made, 0.01) > 0
    monkeypatch.setattr(Pair, "falls_back", "operation not permitted")
    with pytest.raises(RuntimeError, match="operation not permitted"):
        trial.best_speed(made, 0.01)


@pytest.mark.parametrize(
    ("number", "delay"),
    [
        (signal.SIGTERM, 0.0),
        (signal.SIGINT, 0.3),
        (signal.SIGUSR1, 1.5),
        pytest.param(signal.SIGINT, 1.5, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, 1.5, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, 0.3, marks=pytest.mark.long),
    ],
)
def test_a_signal_while_measuring_ends_the_command(recipe, tmp_path, number, delay):
    environment = os.environ | {"SMKD_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "smkd_cli", "train", str(recipe), "--device", "cpu", "--set", OPEN]
    pipes = {"stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **pipes, cwd=tmp_path, env=environment, start_new_session=True)
    first = process.stderr.readline()
    time.sleep(delay)  # while the measuring process starts, while it loads torch, or while it measures
    os.killpg(process.pid, number)
    _, words = process.communicate(timeout=60)
    assert "measuring once" in first
    assert process.returncode == 128 + number, words
    assert words.strip() == "stopped before training began"
    assert not (tmp_path / "runs").exists()


def test_jobs_are_added_as_long_as_they_help(with_compute, monkeypatch, tmp_path):
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path))
    monkeypatch.setattr(choose, "cores", lambda: 16)
    together = {1: 100.0, 2: 190.0, 4: 300.0, 8: 310.0, 16: 400.0}
    monkeypatch.setattr(choose, "_together", lambda processes, *_: together[len(processes)])
    recipe, compute = with_compute("threads: 1"), replace(CPU, threads=1)
    with bench.benches() as made:
        assert choose.choose_jobs(recipe, DIGITS, compute, made) == 4
        together.clear()  # cached
        assert choose.choose_jobs(recipe, DIGITS, compute, made) == 4
        assert choose.choose_jobs(recipe, DIGITS, replace(CPU, threads=16), made) == 1


def test_steps_are_timed_together(with_compute):
    with bench.benches() as made:
        assert choose._together(made.take(2), with_compute("threads: 1"), KIND, replace(CPU, threads=1)) > 0
