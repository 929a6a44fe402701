"""CIFAR-100: 100 fine classes, 50,000 training and 10,000 test images of 32x32 pixels."""

from __future__ import annotations

from smkd_cli.data.dataset import Archive
from smkd_cli.data.sources.cifar import Cifar

_FINE_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard
lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark
shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


class Cifar100(Cifar):
    """CIFAR-100 with its fine labels. ``mean`` and ``std`` are those of the ProSelfLC authors' code.

    10 of its test images are training images too, to the pixel: 4 under the same label and 6 under another.
    14 training and 2 test images are further copies of others in their split; 17 images have more than one label.
    ``smkd datasets verify`` counts them.
    """

    name = "cifar100"
    class_names = tuple(_FINE_CLASSES.split())
    mean = (0.5070751592371323, 0.48654887331495095, 0.4409178433670343)
    std = (0.2673342858792401, 0.2564384629170883, 0.27615047132568404)
    batches = {"train": ("cifar-100-python/train",), "test": ("cifar-100-python/test",)}  # noqa: RUF012
    label_key = "fine_labels"
    archive = Archive(
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        md5="eb9058c3a382ffc7106e4002c42a8d85",
        largest=1 << 28,
        files={
            "cifar-100-python/train": "16019d7e3df5f24257cddd939b257f8d",
            "cifar-100-python/test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "cifar-100-python/meta": "7973b15100ade9c7d40fb424638fde48",
        },
    )
