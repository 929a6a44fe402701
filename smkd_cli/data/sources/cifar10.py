"""CIFAR-10: 10 classes, 50,000 training and 10,000 test images of 32x32 pixels."""

from __future__ import annotations

from smkd_cli.data.dataset import Archive
from smkd_cli.data.sources.cifar import Cifar


class Cifar10(Cifar):
    """CIFAR-10. ``std`` is that of the pixels; (0.2023, 0.1994, 0.2010), often seen, averages over images."""

    name = "cifar10"
    class_names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    mean = (0.4914, 0.4822, 0.4465)
    std = (0.2470, 0.2435, 0.2616)
    batches = {  # noqa: RUF012
        "train": tuple(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)),
        "test": ("cifar-10-batches-py/test_batch",),
    }
    label_key = "labels"
    archive = Archive(
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        md5="c58f30108f718f92721af3b95e74349a",
        largest=1 << 28,
        files={
            "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
            "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
            "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
            "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
    )
