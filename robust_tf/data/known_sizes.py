"""How large training splits are whose files nobody has to open for that."""

from typing import NamedTuple


class Size(NamedTuple):
    """Of a training split: how many images, of how many classes."""

    images: int
    classes: int


KNOWN_SIZES = {
    "mnist": Size(60_000, 10),
    "fashion_mnist": Size(60_000, 10),
    "cifar10": Size(50_000, 10),
    "cifar100": Size(50_000, 100),
    "svhn": Size(73_257, 10),
    "stl10": Size(5_000, 10),
    "imagenet": Size(1_281_167, 1000),
}
