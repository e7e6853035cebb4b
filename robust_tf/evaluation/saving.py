"""Adversarial images on disk: FOLDER/ATTACK/00012.png, and all of an attack's in one npz.

The npz has the images as x_test and their labels as y_test, as keras.datasets keeps a data set. So

    python -m robust_tf.evaluate --model=ANY --dataset=cifar10 --data_dir=FOLDER/ATTACK

judges any network by them; likewise for cifar100, mnist and fashion_mnist.
"""

import pathlib
import re

import cv2
import numpy as np

from robust_tf import files


class Saved:
    """Writes what attacks made.

    Args:
      folder: where each attack gets a folder of its own.
      dataset: the name of the data set, and of the npz.
      labels: by the image's index.
    """

    def __init__(self, folder: pathlib.Path, dataset: str, labels: dict[int, int]):
        self.folder, self.dataset, self.labels = folder, dataset, labels

    def add(self, attack: str, index: np.ndarray, x_adv: np.ndarray) -> None:
        """Writes a batch of images, which lie on the 8-bit grid."""
        to = self._of(attack)
        to.mkdir(parents=True, exist_ok=True)
        for i, pixels in zip(index, np.rint(x_adv * 255).astype(np.uint8), strict=True):
            # OpenCV's order is BGR.
            cv2.imwrite(str(to / f"{i:05d}.png"), pixels[..., ::-1])

    def finish(self, attack: str, index: list[int]) -> pathlib.Path:
        """Collects the attack's images of these indices into its npz."""
        paths = [self._of(attack) / f"{i:05d}.png" for i in sorted(index)]
        images = np.stack([cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths])
        images = images[..., ::-1] if images.ndim == 4 else images
        labels = np.array([self.labels[i] for i in sorted(index)])
        target = self._of(attack) / f"{self.dataset}.npz"
        with files.replacing(target) as temporary, temporary.open("wb") as file:
            # A data set has a training split as well: an empty one.
            np.savez_compressed(
                file, x_train=images[:0], y_train=labels[:0], x_test=images, y_test=labels
            )
        return target

    def _of(self, attack: str) -> pathlib.Path:
        # A transfer's name holds a path.
        return self.folder / re.sub(r"[^\w.-]+", "_", attack)
