"""Streamed images: what is read when, and what happens when reading goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from photos import write_photos

from smkd_cli.data import OwnData, find
from smkd_cli.data.images import loading
from smkd_cli.data.images.features import FeatureBank
from smkd_cli.data.images.loading import Loading
from smkd_cli.data.images.place import placed
from smkd_cli.data.images.reader import ArrayReader, ChosenImages
from smkd_cli.data.images.resident import ImageBank
from smkd_cli.data.images.streamed import StreamedImages
from smkd_cli.errors import DataError, UsageError

CPU = torch.device("cpu")
SHAPE, MEAN, STD = (8, 8, 3), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


class Reader:
    """Images whose pixels are their index, with a way to go wrong."""

    parallel = True

    def __init__(self, count: int = 20, wrong: int | None = None, error: BaseException | None = None) -> None:
        self.count, self.wrong, self.error = count, wrong, error
        self.hold, self.read_so_far = threading.Event(), 0

    def __len__(self) -> int:
        return self.count

    def where(self, index: int) -> str:
        return f"photos/{index}.jpg"

    def read(self, indices: np.ndarray) -> np.ndarray:
        self.read_so_far += len(indices)
        if self.wrong in indices.tolist():
            if self.error is None:
                self.hold.wait(20)
            else:
                raise self.error
        return np.broadcast_to(indices.astype(np.uint8).reshape(-1, 1, 1, 1), (len(indices), *SHAPE)).copy()


def streamed(reader: Reader, workers: int, patience: float | None = None) -> StreamedImages:
    return StreamedImages(reader, SHAPE, MEAN, STD, CPU, most=8, workers=workers, patience=patience)


def batches(order: np.ndarray, size: int = 4) -> tuple[list[dict[str, torch.Tensor]], list[np.ndarray]]:
    samples = [order[start : start + size, None] for start in range(0, len(order), size)]
    return [{"indices": torch.from_numpy(of)} for of in samples], samples


def seen(images: StreamedImages, order: np.ndarray) -> Iterator[torch.Tensor]:
    for columns in images.ahead(*batches(order)):
        images.stage(columns)
        yield images.view(columns["indices"][:, 0], [])


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_are_those_of_resident_images_however_many_decode(workers: int) -> None:
    reader, order = Reader(), np.random.default_rng(0).permutation(20)
    bank = ImageBank(reader, MEAN, STD, CPU)
    images = streamed(reader, workers)
    wanted = [bank.view(columns["indices"][:, 0], []) for columns in batches(order)[0]]
    for _ in range(2):  # epochs
        assert all(torch.equal(one, other) for one, other in zip(seen(images, order), wanted, strict=True))
    for start, stop in ((0, 7), (7, 14), (14, 21), (0, 7), (3, 5)):
        assert torch.equal(images.plain(start, stop), bank.plain(start, stop))


def test_two_batches_are_decoded_ahead_and_no_more() -> None:
    reader = Reader()
    epoch = seen(streamed(reader, workers=2), np.arange(20))
    next(epoch)
    deadline = time.monotonic() + 10
    while reader.read_so_far < 12 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.01)
    assert reader.read_so_far == 12
    epoch.close()
    reader = Reader()
    next(seen(streamed(reader, workers=0), np.arange(20)))
    assert reader.read_so_far == 4


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("error", [DataError("photos/6.jpg: is gone"), MemoryError("none is left"), SystemExit(3)])
def test_an_error_of_a_worker_comes_out_in_its_batch(workers: int, error: BaseException) -> None:
    epoch = seen(streamed(Reader(wrong=6, error=error), workers), np.arange(20))
    next(epoch)
    with pytest.raises(type(error)) as raised:
        next(epoch)
    assert raised.value is error


@pytest.mark.parametrize("workers", [0, 2])
def test_a_read_that_does_not_end_is_an_error_that_names_the_file(workers: int) -> None:
    reader = Reader(wrong=6)
    epoch = seen(streamed(reader, workers, patience=0.2), np.arange(20))
    next(epoch)
    with pytest.raises(DataError, match=r"photos/6\.jpg: reading it has not ended for \d+ seconds.*network"):
        next(epoch)
    reader.hold.set()


def test_a_read_that_ends_late_is_waited_for() -> None:
    reader = Reader(wrong=6)
    epoch = seen(streamed(reader, workers=2, patience=30), np.arange(20))
    next(epoch)
    threading.Timer(0.2, reader.hold.set).start()
    assert len(list(epoch)) == 4


def test_threads_end_with_their_images() -> None:
    before = set(threading.enumerate())
    images = streamed(Reader(), workers=4)
    started = set(threading.enumerate()) - before
    assert len(started) == 4
    del images
    for thread in started:
        thread.join(30)
        assert not thread.is_alive()


def test_a_reader_that_does_not_say_that_it_may_be_is_read_by_one_thread() -> None:
    reader = Reader()
    reader.parallel = False
    before = set(threading.enumerate())
    images = streamed(reader, workers=4)
    assert len(set(threading.enumerate()) - before) == 1
    assert len(list(seen(images, np.arange(20)))) == 5


def test_a_file_that_vanishes(tmp_path: Path) -> None:
    reader = find(OwnData(str(write_photos(tmp_path, {"a": 3, "b": 3})), size=8, test=0.5), tmp_path).images("train")
    images = streamed(reader, workers=1)  # type: ignore[arg-type]
    (tmp_path / "b" / Path(reader.where(len(reader) - 1)).name).unlink()
    with pytest.raises(DataError, match=r"/b/\d\.jpg: cannot be read: No such file"):
        images.plain(0, 4)
    chosen = ChosenImages(reader, np.array([len(reader) - 1]))
    assert (len(chosen), chosen.parallel, chosen.where(0)) == (1, True, reader.where(len(reader) - 1))


def test_images_stay_in_memory_where_a_third_of_it_holds_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="smkd")
    reader, size = Reader(), 20 * 8 * 8 * 3
    for free, kind in ((3 * size, ImageBank), (3 * size - 3, StreamedImages)):
        monkeypatch.setattr(loading, "free_memory", lambda _device, free=free: free)
        assert type(placed(reader, SHAPE, MEAN, STD, CPU)) is kind
        assert type(placed(reader, SHAPE, MEAN, STD, CPU, loading=Loading("resident"))) is ImageBank
        assert type(placed(reader, SHAPE, MEAN, STD, CPU, loading=Loading("streamed"))) is StreamedImages
        features = ArrayReader(np.zeros((9, 4), np.float32))
        assert type(placed(features, (1, 1, 4), (), (), CPU, loading=Loading("streamed"))) is FeatureBank
    assert [message for message in caplog.messages if "more than 33% of the free memory" in message]


def test_memory_that_is_free() -> None:
    assert 1 << 20 < loading.free_memory(CPU) < 1 << 50


def test_a_batch_of_features_is_read_from_their_file_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.arange(12, dtype=np.float32).reshape(4, 3))
    mapped = np.load(tmp_path / "features.npy", mmap_mode="c")
    bank = placed(ArrayReader(mapped), (1, 1, 3), (), (), CPU)
    assert bank.plain(1, 2).data_ptr() == mapped.ctypes.data + 12  # not copied
    assert bank.view(torch.tensor([2]), []).tolist() == [[6, 7, 8]]


@pytest.mark.parametrize(
    ("images", "workers", "words"),
    [
        ("nowhere", "auto", "--images nowhere: must be auto, resident or streamed"),
        ("auto", "-1", "--workers -1: must"),
        ("auto", "257", "--workers 257: must be auto or a whole number from 0 to 256"),
    ],
)
def test_options_that_are_wrong(images: str, workers: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Loading.from_text(images, workers)


def test_options() -> None:
    assert Loading.from_text("streamed", "3") == Loading("streamed", 3)
    assert [Loading.from_text("auto", "auto").threads(cores) for cores in (2, 64)] == [2, 16]
    assert Loading("auto", 0).threads(64) == 0
